// A column renamed or retyped. The platform can do neither: an administrator makes another column, moves the data through the
// API, and deletes the old one. So do these, and so the rows change and their steps fire.
import { invalidArgument, ODataError } from "../errors.js";
import type { Column, Value } from "../model/column.js";
import type { Table } from "../model/table.js";
import { formatValue, toJsonValue } from "../read/format-value.js";
import type { Session } from "../session.js";
import type { Database, Transaction } from "../store/database.js";
import type { Row } from "../store/row-store.js";
import { toStored } from "../write/to-stored.js";
import { updateRow } from "../write/writer.js";
import { parseColumn } from "./parse-definition.js";
import { addColumns, removeColumn } from "./write-column.js";

/** What became of the values. */
export interface MoveResult {
  moved: number;
  /** Values that the new type cannot hold: the column is empty there. */
  lost: number;
}

const replaceable = (table: Table, name: string): Column => {
  const column = table.column(name);
  if (!column) throw invalidArgument(`column: ${table.name} has no column ${name}`);
  if (column.targets) throw invalidArgument(`column: ${name} is a lookup; make another relationship instead`);
  return column;
};

const rowsWith = (database: Database, table: Table, name: string): Row[] =>
  [...database.rows(table.name).all()].filter((row) => row[name] !== undefined && row[name] !== null);

const current = (session: Session, { name }: Table): Table => {
  const table = session.org.database.table(name);
  if (!table) throw new Error(`no table ${name}`);
  return table;
};

const write = async (session: Session, tx: Transaction, table: Table, row: Row, name: string, value: Value) => {
  const { database } = session.org;
  const now = database.rows(table.name).get(String(row[table.primaryId])) ?? row;
  await updateRow(session, tx, table, now, new Map([[name, value]]), { evenIfClosed: true });
};

/** Gives a custom column another name: `schemaName`, in lower case its logical name. */
export async function renameColumn(
  session: Session,
  tx: Transaction,
  table: Table,
  from: string,
  schemaName: string,
): Promise<MoveResult> {
  const old = replaceable(table, from);
  const to = schemaName.toLowerCase();
  const renamed: Column = { ...old, name: to, schemaName };
  const base = old.base === undefined ? undefined : table.column(old.base);
  const columns = base
    ? [
        { ...renamed, base: `${to}_base` },
        { ...base, name: `${to}_base`, schemaName: `${schemaName}_Base` },
      ]
    : [renamed];
  const rows = rowsWith(session.org.database, table, from);
  addColumns(session, tx, table, columns);
  for (const row of rows) await write(session, tx, current(session, table), row, to, row[from] ?? null);
  removeColumn(session, tx, current(session, table), from);
  return { moved: rows.length, lost: 0 };
}

/** A value as a spreadsheet carries it from one column to the other: labels, plain numbers, ISO dates. */
const toText = (database: Database, column: Column, value: Value): string =>
  ["Picklist", "MultiSelectPicklist", "Boolean"].includes(column.type)
    ? (formatValue(database, column, value) ?? "")
    : String(toJsonValue(column, value));

const choiceOf = (column: Column, text: string): number | undefined =>
  column.choices?.find(({ label }) => label.toLowerCase() === text.trim().toLowerCase())?.value;

/** What to write into a column so that it says `text`. */
function fromText(column: Column, text: string): unknown {
  switch (column.type) {
    case "Boolean":
      return { 0: false, 1: true }[choiceOf(column, text) ?? -1];
    case "Picklist":
      return choiceOf(column, text);
    case "MultiSelectPicklist":
      return text
        .split(";")
        .map((part) => choiceOf(column, part))
        .join(",");
    case "Integer":
    case "BigInt":
    case "Decimal":
    case "Double":
    case "Money":
      return text.trim() === "" ? undefined : Number(text);
    case "DateTime":
      return column.behavior === "DateOnly" ? text.slice(0, 10) : text;
    default:
      return text;
  }
}

const convert = (database: Database, table: Table, from: Column, to: Column, value: Value): Value => {
  try {
    return toStored(table, to, fromText(to, toText(database, from, value)));
  } catch (error) {
    if (error instanceof ODataError) return null;
    throw error;
  }
};

/** Gives a custom column the type of `definition` (AttributeMetadata without names); values that fit come along. */
export async function retypeColumn(
  session: Session,
  tx: Transaction,
  table: Table,
  name: string,
  definition: Record<string, unknown>,
): Promise<MoveResult> {
  const { database } = session.org;
  const old = replaceable(table, name);
  const columns = parseColumn({ ...definition, SchemaName: old.schemaName }, name);
  const [column] = columns;
  if (!column) throw invalidArgument("definition: no column");
  const values = rowsWith(database, table, name).map((row) => [row, row[name] ?? null] as const);
  removeColumn(session, tx, table, name);
  addColumns(session, tx, current(session, table), columns);
  let lost = 0;
  for (const [row, value] of values) {
    const converted = convert(database, current(session, table), old, column, value);
    if (converted === null) lost += 1;
    else await write(session, tx, current(session, table), row, name, converted);
  }
  return { moved: values.length - lost, lost };
}
