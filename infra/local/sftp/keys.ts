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
