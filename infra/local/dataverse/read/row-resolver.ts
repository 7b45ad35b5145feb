// Properties of rows for $filter and $orderby: columns, `_x_value` of lookups, and paths over navigation properties.
import { noSuchProperty } from "../errors.js";
import type { Column, Value } from "../model/column.js";
import { collectionOf } from "../model/relationships.js";
import type { Table } from "../model/table.js";
import type { Comparable, Operand, OperandKind, Resolver } from "../odata/compile.js";
import type { Database } from "../store/database.js";
import type { Row } from "../store/row-store.js";

/** Who and when functions like EqualUserId and LastXDays are about. */
export interface ResolverContext {
  database: Database;
  nowMs: number;
  userId: string;
}

const KINDS: Record<Column["type"], OperandKind> = {
  BigInt: "number",
  Boolean: "boolean",
  Customer: "guid",
  DateTime: "dateTime",
  Decimal: "number",
  Double: "number",
  EntityName: "string",
  Image: "string",
  Integer: "number",
  Lookup: "guid",
  Memo: "string",
  Money: "number",
  MultiSelectPicklist: "multi",
  Owner: "guid",
  PartyList: "string",
  Picklist: "number",
  State: "number",
  Status: "number",
  String: "string",
  Uniqueidentifier: "guid",
};

const kindOf = (column: Column): OperandKind =>
  column.type === "DateTime" && column.behavior === "DateOnly" ? "dateOnly" : KINDS[column.type];

const toComparableValue = (value: Value | undefined): Comparable => {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value.toLowerCase();
  if (typeof value !== "object") return value;
  return "id" in value ? value.id : value.join(",");
};

/** The operand of one column. */
export function columnOperand(column: Column): Operand<Row> {
  const { name } = column;
  const initial = toComparableValue(column.default);
  return {
    kind: kindOf(column),
    get(row) {
      const value = row[name];
      return value === undefined ? initial : toComparableValue(value);
    },
    ...(column.type === "MultiSelectPicklist" ? { getMany: (row: Row) => (row[name] ?? []) as readonly number[] } : {}),
  };
}

/** A readable column by the name it has in the API. Throws 400 when there is none. */
export function findColumn(table: Table, name: string): Column {
  const column = table.column(name);
  const found = column && !column.targets ? column : table.lookupByValueName(name);
  if (!found?.read || found.type === "PartyList") throw noSuchProperty(name, table.name);
  return found;
}

/** Resolves the properties of a table's rows. */
export function makeRowResolver(table: Table, context: ResolverContext): Resolver<Row> {
  const { database, nowMs, userId } = context;
  return {
    nowMs,
    userId,
    operand(segments) {
      const [name = "", ...rest] = segments;
      if (rest.length === 0) return columnOperand(findColumn(table, name));
      const navigation = table.navigation(name);
      const target = navigation && database.table(navigation.target.table);
      if (!navigation || !target) throw noSuchProperty(name, table.name);
      const inner = makeRowResolver(target, context).operand(rest);
      const follow = (row: Row): Row | undefined => {
        const reference = row[navigation.column.name];
        if (typeof reference !== "object" || reference === null || !("id" in reference)) return undefined;
        return reference.table === target.name ? database.rows(target.name).get(reference.id) : undefined;
      };
      return {
        kind: inner.kind,
        get(row) {
          const next = follow(row);
          return next ? inner.get(next) : null;
        },
      };
    },
    collection(segments) {
      const relationship = segments.length === 1 ? collectionOf(database, table.name, segments[0] ?? "") : undefined;
      if (!relationship) throw noSuchProperty(segments.join("/"), table.name);
      return {
        items: (row) => relatedRows(database, relationship.table, relationship.column, String(row[table.primaryId])),
        resolver: makeRowResolver(relationship.table, context),
      };
    },
  };
}

/** The rows of `table` whose lookup `column` names `id`. */
export function* relatedRows(database: Database, table: Table, column: Column, id: string): Generator<Row> {
  const store = database.rows(table.name);
  const indexed = store.referencing(column.name, id);
  if (indexed) {
    for (const found of [...indexed].sort()) {
      const row = store.get(found);
      if (row) yield row;
    }
    return;
  }
  for (const row of store.all()) {
    const value = row[column.name];
    if (typeof value === "object" && value !== null && "id" in value && value.id === id) yield row;
  }
}
