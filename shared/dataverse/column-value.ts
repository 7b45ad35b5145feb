// One Dataverse value, from the Web API or from an execution context, to our one spelling (model/row.ts).

import { MalformedError } from "../errors.js";
import type { ReadType } from "../mapping/column.js";
import type { RowValue } from "../model/row.js";

/** Name to select and to read a column under in the Web API: lookups are `_<column>_value` (facts/dataverse.md §3). */
export function selectName(column: string, type: ReadType): string {
  return type === "lookup" ? `_${column}_value` : column;
}

/** A value of a Web API answer; absent and null both mean empty there, for a selected column is always present. */
export function fromWebApi(value: unknown, type: ReadType): RowValue {
  if (value === null || value === undefined) return null;
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return null;
  return normalise(value, type);
}

const contextDate = /^\/Date\((-?\d+)(?:[+-]\d{4})?\)\/$/;

/** A value of a RemoteExecutionContext (facts/dataverse.md §1.3): option sets, money, references and dates are unwrapped. */
export function fromContext(value: unknown, type: ReadType): RowValue {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) {
    return normalise(value.map((item) => String(fromContext(item, "choice"))).join(","), type);
  }
  if (typeof value === "object") {
    if ("Value" in value) return fromContext(value.Value, type);
    return "Id" in value && typeof value.Id === "string" ? value.Id.toLowerCase() : null;
  }
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return null;
  const ms = typeof value === "string" ? contextDate.exec(value)?.[1] : undefined;
  return normalise(ms === undefined ? value : isoText(new Date(Number(ms))), type);
}

/** Throws MalformedError for a number of milliseconds that is no time: to take it for empty would clear a field. */
function isoText(instant: Date): string {
  if (Number.isNaN(instant.getTime())) throw new MalformedError("a date of the execution context is out of range");
  return instant.toISOString();
}

/** One spelling a type: dates cut to what they mean, several options in the order of their numbers; everything else is as it came. */
function normalise(value: string | number | boolean, type: ReadType): RowValue {
  if (typeof value !== "string") return type === "choices" ? String(value) : value;
  switch (type) {
    case "date":
      return value.slice(0, 10);
    case "datetime":
      return (withOffset.test(value) ? isoText(new Date(value)) : value).replace(/\.\d+(?=Z$)/, "");
    case "walltime":
      // The Z of a time zone independent value means nothing (facts/field.md B19): its digits are what people see.
      return value.replace(/(\.\d+)?Z?$/, "");
    case "choices":
      return sorted(value);
    case "id":
    case "lookup":
      return value.toLowerCase();
    default:
      return value;
  }
}

/** Some tools write a context again with the offset of their own zone (facts/dataverse.md §1.3). */
const withOffset = /T[\d:.]+[+-]\d{2}:\d{2}$/;

function sorted(options: string): string | null {
  if (options === "") return null;
  return options
    .split(",")
    .map((option) => option.trim())
    .sort((a, b) => Number(a) - Number(b))
    .join(",");
}
