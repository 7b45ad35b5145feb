// Values in the DataContractJsonSerializer dialect of a RemoteExecutionContext; facts/dataverse.md §1.3.

import type { Column, Reference, Value } from "../model/column.js";
import type { Table } from "../model/table.js";
import { toGroupedText } from "../number-text.js";
import { type Row, readValue } from "../store/row-store.js";

const CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts";

/** One entry of any of the collections of a context. */
export interface Pair {
  key: string;
  value: unknown;
}

export const pair = (key: string, value: unknown): Pair => ({ key, value });

/** `__type` comes first, and only where the declared type is `object`. */
export const typed = (name: string, members: object): object => ({ __type: `${name}:${CONTRACTS}`, ...members });

/** A reference without `__type`, as in OwningExtension. */
export const plainReference = ({ table, id }: Reference): object => ({
  Id: id,
  KeyAttributes: [],
  LogicalName: table,
  Name: null,
  RowVersion: null,
});

/** Whole seconds since 1970 as a date of the dialect. */
export const toDialectDate = (seconds: number): string => `/Date(${seconds * 1000})/`;

/** The value of a column inside a collection of `object`s. */
export function encodeValue(column: Column | undefined, value: Value): unknown {
  if (value === null) return null;
  if (typeof value === "object") {
    if ("id" in value) return typed("EntityReference", plainReference(value));
    return value.map((choice) => typed("OptionSetValue", { Value: choice }));
  }
  switch (column?.type) {
    case "Picklist":
    case "State":
    case "Status":
      return typed("OptionSetValue", { Value: value });
    case "Money":
      return typed("Money", { Value: value });
    case "DateTime":
      return toDialectDate(typeof value === "number" ? value : Date.parse(`${value}T00:00:00Z`) / 1000);
    default:
      return value;
  }
}

/** The user-locale text of FormattedValues (en-US, UTC); undefined for columns that have none. */
function formatInContext(column: Column, value: Value): string | undefined {
  const label = (choice: number): string | undefined => column.choices?.find((one) => one.value === choice)?.label;
  if (Array.isArray(value)) return value.map((choice: number) => label(choice) ?? choice).join("; ");
  switch (column.type) {
    case "Boolean":
      return label(value ? 1 : 0);
    case "Picklist":
    case "State":
    case "Status":
      return label(Number(value));
    case "Integer":
      return toGroupedText(Number(value), 0);
    case "Decimal":
    case "Double":
      return toGroupedText(Number(value), column.precision ?? 2);
    case "Money":
      return `$${toGroupedText(Number(value), 2)}`;
    case "DateTime":
      return typeof value === "number"
        ? new Date(value * 1000).toISOString().replace(".000Z", "+00:00")
        : `${String(value)}T00:00:00+00:00`;
    default:
      return undefined;
  }
}

/** The members every Entity has, without `__type`. */
const entityMembers = (
  table: Table,
  id: string,
  attributes: Pair[],
  formatted: Pair[],
  rowVersion: string | null,
): object => ({
  Attributes: attributes,
  EntityState: null,
  FormattedValues: formatted,
  Id: id,
  KeyAttributes: [],
  LogicalName: table.name,
  RelatedEntities: [],
  RowVersion: rowVersion,
});

const formattedPairs = (table: Table, values: Iterable<readonly [string, Value]>): Pair[] => {
  const pairs: Pair[] = [];
  for (const [name, value] of values) {
    const column = table.column(name);
    const text = column && value !== null ? formatInContext(column, value) : undefined;
    if (text !== undefined) pairs.push(pair(name, text));
  }
  return pairs;
};

/** The Target of Create or Update. */
export function encodeTarget(
  table: Table,
  id: string,
  values: ReadonlyMap<string, Value>,
  withLabels: boolean,
): object {
  const attributes = [...values].map(([name, value]) => pair(name, encodeValue(table.column(name), value)));
  return typed("Entity", entityMembers(table, id, attributes, withLabels ? formattedPairs(table, values) : [], null));
}

/** An image: the named columns of a row (all without names), null ones left out. */
export function encodeImage(
  table: Table,
  row: Row,
  columns: readonly string[] | undefined,
  withVersion: boolean,
): object {
  const names = columns ?? table.readable.map(({ name }) => name);
  const values = names
    .map((name) => [name, readValue(table, row, name)] as const)
    .filter(([, value]) => value !== null);
  const attributes = values.map(([name, value]) => pair(name, encodeValue(table.column(name), value)));
  return entityMembers(
    table,
    String(row[table.primaryId]),
    attributes,
    formattedPairs(table, values),
    withVersion ? String(row.versionnumber) : null,
  );
}

const CONTROL: Record<string, string> = { n: "\\u000a", r: "\\u000d", t: "\\u0009", b: "\\u0008", f: "\\u000c" };

/** The JSON text as the platform writes it: `/` as `\/`, control characters as `\u00xx`. */
export const toDialectJson = (value: unknown): string =>
  JSON.stringify(value)
    .replace(/\\(.)/g, (sequence, letter: string) => CONTROL[letter] ?? sequence)
    .replaceAll("/", "\\/");
