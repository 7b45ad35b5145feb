import { createHmac } from "node:crypto";
import type { CompiledMapping, Fields, MappedRow } from "./compile.js";

/** Keyed hashes of what would be written: equal means that a write would change nothing (design.md §3.4). */
export interface Fingerprints {
  always: string;
  insertOnly: string;
}

/**
 * Fingerprints of a mapped row; both cover the resource and the record's key, and not the mapping: another mapping that comes to the same fields and
 * values is no reason for a call. Keyed (HMAC-SHA-256), because the hash of a name or
 * a phone number alone could be guessed from the state table.
 */
export function fingerprintsOf(mapping: CompiledMapping, key: string, mapped: MappedRow, secret: string): Fingerprints {
  const scope = [mapping.resource.api, mapping.resource.name, mapping.key.field, key];
  const hash = (fields: Fields): string => {
    const sorted = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
    return createHmac("sha256", secret)
      .update(JSON.stringify([scope, sorted]))
      .digest("base64url")
      .slice(0, 24);
  };
  return { always: hash(mapped.always), insertOnly: hash(mapped.insertOnly) };
}
