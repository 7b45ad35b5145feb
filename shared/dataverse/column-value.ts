// One Dataverse value, from the Web API or from an execution context, to our one spelling (model/row.ts). Total functions.

import type { ColumnType } from "../mapping/table-mapping.js";
import type { RowValue } from "../model/row.js";

/** Name to select and to read a column under in the Web API: lookups are `_<column>_value` (facts/dataverse.md §3). */
export function selectName(column: string, type: ColumnType): string {
  return type === "lookup" ? `_${column}_value` : column;
}

/** A value of a Web API answer; absent and null both mean empty there, for a selected column is always present. */
export function fromWebApi(value: unknown, type: ColumnType): RowValue {
  if (value === null || value === undefined) return null;
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return null;
  return normalise(value, type);
}

const contextDate = /^\/Date\((-?\d+)(?:[+-]\d{4})?\)\/$/;

/** A value of a RemoteExecutionContext (facts/dataverse.md §1.3): option sets, money, references and dates are unwrapped. */
export function fromContext(value: unknown, type: ColumnType): RowValue {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) {
    return value.map((item) => String(fromContext(item, "choice"))).join(",");
  }
  if (typeof value === "object") {
    if ("Value" in value) return fromContext(value.Value, type);
    return "Id" in value && typeof value.Id === "string" ? value.Id.toLowerCase() : null;
  }
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return null;
  const ms = typeof value === "string" ? contextDate.exec(value)?.[1] : undefined;
  return normalise(ms === undefined ? value : new Date(Number(ms)).toISOString(), type);
}

/** Dates are cut to the one form of their type; everything else is as it came. */
function normalise(value: string | number | boolean, type: ColumnType): RowValue {
  if (typeof value !== "string") return value;
  if (type === "date") return value.slice(0, 10);
  if (type === "datetime") return value.replace(/\.\d+(?=Z$)/, "");
  return type === "id" || type === "lookup" ? value.toLowerCase() : value;
}
