// One source value to one target value. Pure and total: what does not fit is said, never guessed (facts/campaign.md §11).

import type { RowValue } from "../model/row.js";
import type { FieldMapping } from "./table-mapping.js";

/** A value as Campaign's REST API takes it. Campaign has no null but for links: an empty field is "", 0 or false. */
export type FieldValue = string | number | boolean;

/** A value that fits, or why it does not (in words without the value: it can be a person's). */
export type Converted = { value: FieldValue } | { misfit: string };

/** What an empty field of each target type looks like on the wire; Dynamics' null becomes this. */
export const emptyValues: Readonly<Record<FieldMapping["type"], FieldValue>> = {
  string: "",
  integer: 0,
  float: 0,
  boolean: false,
  date: "",
  datetime: "",
  enumeration: "",
};

/** Converts `value` to the target type; `null` becomes the type's empty value, `false`, 0 and "" stay what they are. */
export function convertValue(value: RowValue, type: FieldMapping["type"]): Converted {
  if (value === null) return { value: emptyValues[type] };
  return converters[type](value);
}

const converters: Readonly<Record<FieldMapping["type"], (value: string | number | boolean) => Converted>> = {
  string: (value) => ({ value: String(value) }),
  enumeration: (value) => ({ value: String(value) }),
  integer: toInteger,
  float: toFloat,
  boolean: toBoolean,
  date: toDate,
  datetime: toDateTime,
};

function toInteger(value: string | number | boolean): Converted {
  if (typeof value === "boolean") return { value: value ? 1 : 0 };
  const parsed = toFloat(value);
  if (!("value" in parsed)) return parsed;
  const rounded = Math.round(Number(parsed.value));
  return Number.isSafeInteger(rounded) ? { value: rounded } : { misfit: "is too large for an integer" };
}

/** A number as people write it; not what JavaScript also takes for one, such as 0x10. */
const decimal = /^[+-]?(\d+(\.\d+)?|\.\d+)$/;

function toFloat(value: string | number | boolean): Converted {
  if (typeof value === "boolean") return { misfit: "is a boolean, not a number" };
  const number = typeof value === "number" ? value : decimal.test(value.trim()) ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? { value: number } : { misfit: "is not a number" };
}

const booleans = new Map<string, boolean>([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

function toBoolean(value: string | number | boolean): Converted {
  const found = booleans.get(String(value).toLowerCase());
  return found === undefined ? { misfit: "is neither true nor false" } : { value: found };
}

const isoDate = /^\d{4}-\d{2}-\d{2}$/;
const isoInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

function toDate(value: string | number | boolean): Converted {
  if (value === "") return { value: "" };
  const instant = parseInstant(value);
  return instant ? { value: instant.toISOString().slice(0, 10) } : { misfit: "is not a date" };
}

/** Campaign's own spelling: a space instead of the T, milliseconds, Z (facts/campaign.md §3.4). */
function toDateTime(value: string | number | boolean): Converted {
  if (value === "") return { value: "" };
  const instant = parseInstant(value);
  return instant ? { value: instant.toISOString().replace("T", " ") } : { misfit: "is not a date and time" };
}

/**
 * A day without time is midnight UTC, so that no process time zone can shift it. A day that does not exist is none (`Date` would
 * make 2 March of 30 February), and so is an instant outside the years 0 to 9999.
 */
function parseInstant(value: string | number | boolean): Date | undefined {
  const text = String(value);
  if (isoDate.test(text)) return parseDay(text);
  if (!isoInstant.test(text) || !parseDay(text.slice(0, 10))) return undefined;
  const instant = new Date(text);
  const year = instant.getUTCFullYear();
  return year >= 0 && year <= 9999 ? instant : undefined;
}

function parseDay(text: string): Date | undefined {
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text) ? day : undefined;
}
