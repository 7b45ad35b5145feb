import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type ParsedKey, utils } from "ssh2";

/** A new Ed25519 pair in OpenSSH's formats: a private key file, and a line as in authorized_keys. */
export function makeKeyPair(): { private: string; public: string } {
  for (;;) {
    const pair = utils.generateKeyPairSync("ed25519");
    // One of 150 pairs that ssh2 1.17 makes cannot be read, not even by itself: it drops a zero byte at the front of a number.
    if (![pair.private, pair.public].some((key) => utils.parseKey(key) instanceof Error)) return pair;
  }
}

/** Reads a key, public or private without a passphrase. Throws an Error that says whose it is when it cannot be read. */
export function readKey(text: string, whose: string): ParsedKey {
  const parsed = utils.parseKey(text);
  if (parsed instanceof Error) throw new Error(`the key of ${whose} cannot be read: ${parsed.message}`);
  // The type says one; a file of several keys gives several.
  const first = [parsed].flat()[0];
  if (first === undefined) throw new Error(`there is no key of ${whose}`);
  return first;
}

/** Fingerprint of a key as OpenSSH prints it: `SHA256:` and 43 characters. */
export function fingerprintOf(key: ParsedKey): string {
  return `SHA256:${createHash("sha256").update(key.getPublicSSH()).digest("base64").replaceAll("=", "")}`;
}

/** The host key in `file`, made there the first time, readable for its owner only; a new one that nobody keeps without a file. */
export function keepHostKey(file: string | undefined): string {
  if (file !== undefined && existsSync(file)) return readFileSync(file, "utf8");
  const key = makeKeyPair().private;
  if (file !== undefined) writeFileSync(file, key, { mode: 0o600 });
  return key;
}
