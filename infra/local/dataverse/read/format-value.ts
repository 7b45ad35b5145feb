// Values as the API writes them, and the labels users see beside them.

import type { Column, Value } from "../model/column.js";
import { toGroupedText } from "../number-text.js";
import type { Database } from "../store/database.js";
import { readValue } from "../store/row-store.js";

/** Seconds since 1970 as `2023-04-07T21:59:01Z`. */
export const toIsoSeconds = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

/** The value of a column in an answer. Lookups become their id, multi-selects `"1,3"`. */
export function toJsonValue(column: Column, value: Value): unknown {
  if (value === null) return null;
  if (typeof value === "object") return "id" in value ? value.id : value.join(",");
  if (column.type === "DateTime" && typeof value === "number") return toIsoSeconds(value);
  return value;
}

const labelOf = (column: Column, value: number): string | undefined =>
  column.choices?.find((choice) => choice.value === value)?.label;

/** The primary name of the row a lookup names; undefined when that row or its name is missing. */
export function nameOf(database: Database, reference: { table: string; id: string }): string | undefined {
  const table = database.table(reference.table);
  const row = table && database.rows(table.name).get(reference.id);
  const name = row && table.primaryName ? readValue(table, row, table.primaryName) : null;
  return typeof name === "string" ? name : undefined;
}

/** The text a user in en-US and UTC sees; undefined for columns that are shown as they are. */
export function formatValue(database: Database, column: Column, value: Value): string | undefined {
  if (value === null) return undefined;
  if (typeof value === "object") {
    if ("id" in value) return nameOf(database, value);
    return value.map((choice) => labelOf(column, choice) ?? String(choice)).join("; ");
  }
  switch (column.type) {
    case "Picklist":
    case "State":
    case "Status":
      return labelOf(column, Number(value));
    case "Boolean":
      return labelOf(column, value ? 1 : 0);
    case "DateTime": {
      const date = typeof value === "number" ? new Date(value * 1000) : new Date(`${value}T00:00:00Z`);
      const day = date.toLocaleDateString("en-US", { timeZone: "UTC" });
      const time = date.toLocaleTimeString("en-US", { timeZone: "UTC", hour: "numeric", minute: "2-digit" });
      return column.format === "DateOnly" ? day : `${day} ${time.replace("\u202f", " ")}`;
    }
    case "Money":
      return `$${toGroupedText(Number(value), 2)}`;
    case "Decimal":
    case "Double":
      return toGroupedText(Number(value), column.precision ?? 2);
    case "Integer":
    case "BigInt":
      return toGroupedText(Number(value), 0);
    default:
      return undefined;
  }
}
