// Ids as branded strings, so that a record's id and a lane or a PKey cannot be swapped.

import { MalformedError } from "../errors.js";

/** Primary key of a Dataverse row: GUID in lower case, hyphenated, no braces. */
export type RecordId = string & { readonly brand: "RecordId" };

/** Row version of a Dataverse row: a decimal string, organisation-wide increasing; compare with `compareVersions`. */
export type RowVersion = string & { readonly brand: "RowVersion" };

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Reads a GUID in any of Microsoft's spellings (braces, upper case). Throws MalformedError. */
export function parseRecordId(value: unknown): RecordId {
  const text =
    typeof value === "string"
      ? value
          .trim()
          .replace(/^\{|\}$/g, "")
          .toLowerCase()
      : "";
  if (!guid.test(text)) throw new MalformedError("a record id must be a GUID");
  return text as RecordId;
}

/** Reads a row version given as number, decimal string or weak ETag (`W/"123"`). Undefined when there is none. */
export function parseRowVersion(value: unknown): RowVersion | undefined {
  const text = typeof value === "number" ? String(value) : typeof value === "string" ? value : "";
  const digits = /^(?:W\/")?(\d{1,20})"?$/.exec(text)?.[1];
  return digits === undefined ? undefined : (digits as RowVersion);
}

/** Negative when `a` is older than `b`, 0 when equal, positive when newer. */
export function compareVersions(a: RowVersion, b: RowVersion): number {
  const difference = BigInt(a) - BigInt(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
