// What Table Storage takes, checked before anything is sent: Azurite lets some of it pass, the real service does not.
// Both twins of EntityTable call this, so that a test on the in-memory one refuses what Azure would refuse.

import { RefusedError } from "../errors.js";
import type { Entity } from "./entity-table.js";

/** Longest text in one property: 64 KiB as UTF-16, i.e. 32,768 code units (facts/azure-local.md §3). */
export const longestText = 32_768;
/** Most properties of one entity, besides its keys and time. */
export const mostProperties = 252;

const longestKey = 512;
const longestName = 255;
const largestEntity = 1024 * 1024;
const largestInteger = 2 ** 31 - 1;
const smallestInteger = -(2 ** 31);
const systemNames = new Set(["PartitionKey", "RowKey", "Timestamp", "partitionKey", "rowKey", "timestamp", "etag"]);

/** Throws RefusedError, naming key or property but never a value, when Table Storage would not take the entity. */
export function checkEntity(partition: string, row: string, values: Entity["values"]): void {
  checkKey("partition", partition);
  checkKey("row", row);
  const entries = Object.entries(values);
  if (entries.length > mostProperties) {
    throw refused("TooManyProperties", `an entity has ${entries.length} properties; it may have ${mostProperties}`);
  }
  let bytes = 4 + 2 * (partition.length + row.length);
  for (const [name, value] of entries) {
    checkProperty(name, value);
    bytes += 8 + 2 * name.length + (typeof value === "string" ? 4 + 2 * value.length : 4);
  }
  if (bytes > largestEntity) throw refused("EntityTooLarge", `an entity has ${bytes} bytes; it may have 1 MiB`);
}

/** Throws RefusedError when a key holds `/ \ # ?`, a control character, or more than 1 KiB. */
export function checkKey(which: "partition" | "row", key: string): void {
  if (key.length > longestKey)
    throw refused("KeyValueTooLarge", `the ${which} key has more than ${longestKey} characters`);
  if (hasForbiddenCharacter(key)) {
    throw refused("OutOfRangeInput", `the ${which} key holds a character that Table Storage does not take`);
  }
}

function hasForbiddenCharacter(key: string): boolean {
  return [...key].some((character) => {
    const code = character.codePointAt(0) ?? 0;
    return "/\\#?".includes(character) || code < 0x20 || (code >= 0x7f && code <= 0x9f);
  });
}

function checkProperty(name: string, value: unknown): void {
  const fits = /^[A-Za-z_]\w*$/.test(name) && name.length <= longestName && !systemNames.has(name);
  if (!fits) throw refused("PropertyNameInvalid", `${name.slice(0, 60)} cannot be the name of a property`);
  if (typeof value === "boolean") return;
  if (typeof value === "string") {
    if (value.length <= longestText) return;
    throw refused(
      "PropertyValueTooLarge",
      `property ${name} has ${value.length} characters; it may have ${longestText}`,
    );
  }
  const is32Bit = Number.isInteger(value) && Number(value) >= smallestInteger && Number(value) <= largestInteger;
  if (!is32Bit) throw refused("InvalidInput", `property ${name} is neither text, boolean nor a 32-bit integer`);
}

function refused(code: string, message: string): RefusedError {
  return new RefusedError(`table storage does not take this: ${message}`, code);
}
