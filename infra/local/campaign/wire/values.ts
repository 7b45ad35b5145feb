// One value between the wire and the table (facts/campaign.md §3.4): what is accepted, how it is kept, how it reads.
// Strict where the facts are silent: a text field takes a JSON string and nothing else.

import type { FieldDefinition } from "../model/definition.js";
import type { Settings } from "../settings.js";
import type { SortValue } from "../store/ordered-index.js";
import type { Value } from "../store/table.js";
import { badEnumeration, badValue } from "./errors.js";

const integerBits: Partial<Record<FieldDefinition["type"], number>> = { byte: 8, short: 16, long: 32, int64: 53 };

function refuse(path: string, wire: unknown, expected: string): never {
  throw badValue(`The value ${JSON.stringify(wire)} of the '${path}' property is not ${expected}.`);
}

/** Milliseconds of `2026-01-31 00:00:00.000Z` or the same with `T`; undefined for anything else. */
export function parseInstant(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const ms = Date.parse(text.replace(" ", "T"));
  return Number.isNaN(ms) ? undefined : ms;
}

/** An instant as Campaign prints it: `2019-09-25 23:20:35.000Z`. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ");
}

/** Whether `text` is a day of the calendar, `YYYY-MM-DD`. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

function capitalised(text: string): string {
  return text.replace(/(^|[\s'-])(\p{Ll})/gu, (_, before: string, letter: string) => before + letter.toUpperCase());
}

function toText(field: FieldDefinition, path: string, wire: string, settings: Settings): string {
  let text = wire;
  if (field.length !== undefined && text.length > field.length && [...text].length > field.length) {
    if (settings.overlongText === "refuse") refuse(path, wire, `a text of at most ${field.length} characters`);
    if (settings.overlongText === "truncate") text = [...text].slice(0, field.length).join("");
  }
  if (field.dataPolicy === "smartCase" && settings.smartCase) text = capitalised(text);
  if (
    field.dataPolicy === "email" &&
    settings.badEmail === "refuse" &&
    text !== "" &&
    !/^[^@\s]+@[^@\s]+$/.test(text)
  ) {
    refuse(path, wire, "an e-mail address");
  }
  return text;
}

function toNumber(field: FieldDefinition, path: string, wire: unknown): number {
  if (typeof wire !== "number" || !Number.isFinite(wire)) refuse(path, wire, "a number");
  const bits = integerBits[field.type];
  if (bits === undefined) return wire;
  if (!Number.isInteger(wire) || wire < -(2 ** (bits - 1)) || wire >= 2 ** (bits - 1)) {
    refuse(path, wire, `an integer of type ${field.type}`);
  }
  return wire;
}

/**
 * What the table keeps for `wire` in `field`: text, number, boolean; instants as milliseconds, enumerations by name.
 * Throws the engine's error for a value that does not fit. Links and items are not handled here.
 */
export function toStored(field: FieldDefinition, path: string, wire: unknown, settings: Settings): Value {
  if (wire === null) {
    if (settings.nullValues === "refuse") refuse(path, wire, "a value (null is for links only)");
    return emptyValue(field);
  }
  switch (field.type) {
    case "string":
      return typeof wire === "string" ? toText(field, path, wire, settings) : refuse(path, wire, "a text");
    case "boolean":
      return typeof wire === "boolean" ? wire : refuse(path, wire, "a boolean");
    case "date":
      return typeof wire === "string" && (wire === "" || isDate(wire)) ? wire : refuse(path, wire, "a date");
    case "datetime": {
      if (wire === "") return 0;
      const ms = typeof wire === "string" ? parseInstant(wire) : undefined;
      return ms ?? refuse(path, wire, "a date and time");
    }
    case "enumeration":
      if (!field.values?.some((value) => value.name === wire)) {
        throw badEnumeration(String(wire), field.enumeration ?? field.name, path);
      }
      return String(wire);
    default:
      return toNumber(field, path, wire);
  }
}

/** What an empty field counts as in sorting, comparing and on the wire (instants: 0, printed as ""). */
export function emptyValue(field: FieldDefinition): Value {
  switch (field.type) {
    case "string":
    case "date":
      return "";
    case "boolean":
      return false;
    case "enumeration":
      return field.values?.[0]?.name ?? "";
    default:
      return 0;
  }
}

/** The value as the API prints it. */
export function toWire(field: FieldDefinition, value: Value | undefined): Value {
  if (field.type === "datetime") return typeof value === "number" && value !== 0 ? formatInstant(value) : "";
  return value ?? emptyValue(field);
}

/** What records sort by in `field`: enumerations by their number, everything else by itself. */
export function sortValueOf(field: FieldDefinition, value: Value | undefined): SortValue {
  if (field.type !== "enumeration") return value ?? emptyValue(field);
  return field.values?.find((entry) => entry.name === value)?.value ?? 0;
}
