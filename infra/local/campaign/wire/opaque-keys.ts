// The opaque strings Campaign hands out: PKeys, their aliases in nested hrefs, page cursors (facts/campaign.md §3.1, §5).
// They are encryptions of what they stand for, under a key of this instance: nothing is stored, and another instance's are garbage.

import { createCipheriv, createDecipheriv, createHash } from "node:crypto";

/** Where a page begins: behind the entry (value, id) and after `offset` rows. */
export interface Cursor {
  offset: number;
  id: number;
  /** Sort value of that entry; text is cut to what fits. */
  value: string | number | boolean;
}

/** Mints and reads opaque strings; reading answers undefined for garbage and for other resources' keys. */
export interface OpaqueKeys {
  pkey(resource: string, id: number): string;
  /** The second name of a record that its nested hrefs use. */
  alias(resource: string, id: number): string;
  /** Record id behind a PKey or an alias. */
  open(resource: string, text: string): number | undefined;
  /** Key of a definition (metadata, filters), without the leading `@`. */
  metadataKey(name: string): string;
  cursor(cursor: Cursor): string;
  openCursor(text: string): Cursor | undefined;
  /** A UUID that always belongs to this record. */
  uuid(resource: string, id: number): string;
}

const cursorTextBytes = 18;

/** Makes the keys of one instance; `seed` is what tells it from every other. */
export function makeOpaqueKeys(seed: string): OpaqueKeys {
  const secret = createHash("sha256").update(`campaign ${seed}`).digest();
  const [cipherKey, iv] = [secret.subarray(0, 16), secret.subarray(16)];
  const tags = new Map<string, Buffer>();

  function tagOf(resource: string): Buffer {
    let tag = tags.get(resource);
    if (tag === undefined) {
      tag = createHash("sha1").update(resource).digest().subarray(0, 8);
      tags.set(resource, tag);
    }
    return tag;
  }

  function encrypt(plain: Buffer): string {
    const cipher = createCipheriv("aes-128-cbc", cipherKey, iv).setAutoPadding(false);
    return Buffer.concat([cipher.update(plain), cipher.final()]).toString("base64url");
  }

  function decrypt(text: string, length: number): Buffer | undefined {
    if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
    const bytes = Buffer.from(text, "base64url");
    if (bytes.length !== length || bytes.toString("base64url") !== text) return undefined;
    const decipher = createDecipheriv("aes-128-cbc", cipherKey, iv).setAutoPadding(false);
    return Buffer.concat([decipher.update(bytes), decipher.final()]);
  }

  // Five blocks; the kind is in the last one, so that a PKey and its alias begin alike and end differently.
  function mint(resource: string, id: number, kind: number): string {
    const plain = Buffer.alloc(80, 0x20);
    plain.writeBigUInt64BE(BigInt(id), 0);
    tagOf(resource).copy(plain, 8);
    plain.writeBigUInt64BE(BigInt(id), 64);
    plain.writeBigUInt64BE(BigInt(kind), 72);
    return `@${encrypt(plain)}`;
  }

  return {
    pkey: (resource, id) => mint(resource, id, 1),
    alias: (resource, id) => mint(resource, id, 2),
    open(resource, text) {
      const plain = text.startsWith("@") ? decrypt(text.slice(1), 80) : undefined;
      if (plain === undefined || !plain.subarray(8, 16).equals(tagOf(resource))) return undefined;
      if (!plain.subarray(0, 8).equals(plain.subarray(64, 72)) || plain.readBigUInt64BE(72) > 2n) return undefined;
      return Number(plain.readBigUInt64BE(0));
    },
    metadataKey: (name) => createHash("sha256").update(secret).update(name).digest("base64url"),
    cursor({ offset, id, value }) {
      const plain = Buffer.alloc(32);
      plain.writeUIntBE(offset, 0, 6);
      plain.writeUIntBE(id, 6, 6);
      if (typeof value === "number") {
        plain.writeUInt8(1, 12);
        plain.writeDoubleBE(value, 13);
      } else if (typeof value === "boolean") plain.writeUInt8(value ? 3 : 2, 12);
      else {
        plain.writeUInt8(4, 12);
        plain.write(value, 13, cursorTextBytes, "utf8");
      }
      const check = createHash("sha256").update(secret).update(plain).digest().subarray(0, 4);
      return `@${Buffer.concat([check, Buffer.from(encrypt(plain), "base64url")]).toString("base64url")}`;
    },
    openCursor(text) {
      const bytes = Buffer.from(text.slice(1), "base64url");
      if (!text.startsWith("@") || bytes.length !== 36) return undefined;
      const plain = decrypt(bytes.subarray(4).toString("base64url"), 32);
      if (plain === undefined) return undefined;
      const check = createHash("sha256").update(secret).update(plain).digest().subarray(0, 4);
      if (!check.equals(bytes.subarray(0, 4))) return undefined;
      const type = plain.readUInt8(12);
      const end = plain.indexOf(0, 13);
      let value: Cursor["value"] = type === 3;
      if (type === 1) value = plain.readDoubleBE(13);
      if (type === 4) value = plain.toString("utf8", 13, end < 0 ? plain.length : end);
      return { offset: plain.readUIntBE(0, 6), id: plain.readUIntBE(6, 6), value };
    },
    uuid(resource, id) {
      const hex = createHash("sha256").update(secret).update(`${resource}/${id}`).digest("hex");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
    },
  };
}
