// The cells of a row that a mapping reads, from the Web API or from an execution context (mapping/column.ts names them).

import { nameCell, typeCell } from "../mapping/column.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { Row, RowValue } from "../model/row.js";
import { fromContext, fromWebApi, selectName } from "./column-value.js";

/** Annotations of the Web API that say what a lookup points to (facts/dataverse.md §3). */
const annotation = {
  type: "Microsoft.Dynamics.CRM.lookuplogicalname",
  name: "OData.Community.Display.V1.FormattedValue",
} as const;

/** What to send as `Prefer` for the annotations that the mapping wants; nothing when it wants none, for they cost bytes. */
export function annotationPreferences({ lookups }: CompiledMapping): string[] {
  const wishes = Object.values(lookups);
  const wanted = (["type", "name"] as const).filter((what) => wishes.some((wish) => wish[what]));
  if (wanted.length === 0) return [];
  return [`odata.include-annotations="${wanted.map((what) => annotation[what]).join(",")}"`];
}

/** The cells of a row of a Web API answer. A lookup without annotation points nowhere, or to a row without a name. */
export function rowFromWebApi({ columns, lookups }: CompiledMapping, json: Readonly<Record<string, unknown>>): Row {
  const row: Record<string, RowValue> = {};
  for (const [column, type] of Object.entries(columns)) row[column] = fromWebApi(json[selectName(column, type)], type);
  for (const [column, wish] of Object.entries(lookups)) {
    const property = selectName(column, "lookup");
    if (wish.type) row[typeCell(column)] = fromWebApi(json[`${property}@${annotation.type}`], "string");
    if (wish.name) row[nameCell(column)] = fromWebApi(json[`${property}@${annotation.name}`], "string");
  }
  return row;
}

/**
 * The cells of an image that holds every column of the mapping but the empty ones. What the sender leaves open of a lookup (the name mostly) is
 * left out, so that the row does not cover the mapping: unknown is not empty.
 */
export function rowFromContext({ columns, lookups }: CompiledMapping, given: ReadonlyMap<string, unknown>): Row {
  const row: Record<string, RowValue> = {};
  for (const [column, type] of Object.entries(columns)) row[column] = fromContext(given.get(column), type);
  for (const [column, wish] of Object.entries(lookups)) {
    const reference = given.get(column) ?? null;
    const set = (cell: string, member: "LogicalName" | "Name"): void => {
      const value = reference === null ? null : textMember(reference, member);
      if (value !== undefined) row[cell] = value;
    };
    if (wish.type) set(typeCell(column), "LogicalName");
    if (wish.name) set(nameCell(column), "Name");
  }
  return row;
}

function textMember(reference: unknown, member: "LogicalName" | "Name"): string | undefined {
  if (typeof reference !== "object" || reference === null) return undefined;
  const value: unknown = Reflect.get(reference, member);
  return typeof value === "string" ? value : undefined;
}
