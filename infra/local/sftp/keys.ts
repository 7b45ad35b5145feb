// Keys of the SFTP stand-in: made, read, spelled as OpenSSH does.

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ssh2, { type ParsedKey } from "ssh2";

/** A pair of Ed25519 keys, private in OpenSSH's form, public as a line of authorized_keys. */
export interface KeyPair {
  private: string;
  public: string;
}

/** Reads either half of a key. Throws when it is none. */
export function parseKey(text: string): ParsedKey {
  const parsed = ssh2.utils.parseKey(text);
  if (parsed instanceof Error) throw parsed;
  return parsed;
}

/** Makes a new pair. ssh2 1.17 spells about one pair in 150 so that not even itself can read it: such a one is made again. */
export function makeKeyPair(): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519");
    const halves = [pair.private, pair.public].map((half) => ssh2.utils.parseKey(half));
    if (!halves.some((half) => half instanceof Error)) return { private: pair.private, public: pair.public };
  }
}

/** Fingerprint of a host's key, of either half, as OpenSSH prints it: `SHA256:…`, base64 without padding. */
export function fingerprintOf(key: string): string {
  const hash = createHash("sha256").update(parseKey(key).getPublicSSH()).digest("base64");
  return `SHA256:${hash.replace(/=+$/, "")}`;
}

/** What a server and its one client need of each other; `publicFile` and `hostFile` are for the server's process. */
export interface SftpKeys {
  private: string;
  publicFile: string;
  hostFile: string;
  hostKeyFingerprint: string;
}

/** Makes both pairs, in files of a new folder: `key` is for `sftp -i`. */
export function makeSftpKeys(folder: string): SftpKeys {
  mkdirSync(folder, { recursive: true });
  const [client, host] = [makeKeyPair(), makeKeyPair()];
  const save = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  save("key", client.private);
  return {
    private: client.private,
    publicFile: save("key.pub", client.public),
    hostFile: save("host-key", host.private),
    hostKeyFingerprint: fingerprintOf(host.private),
  };
}
