// The common cases of $apply: filter(…)/groupby((…),aggregate(…)) and aggregate(…); facts/dataverse.md §3. The rest is refused.

import type { SimResponse } from "../../sim/types.js";
import { badQuery, notImitated, ODataError } from "../errors.js";
import type { Column } from "../model/column.js";
import type { Table } from "../model/table.js";
import { compileFilter } from "../odata/compile.js";
import { parseFilter } from "../odata/expression.js";
import { type QueryOptions, splitOutside } from "../odata/query-options.js";
import { own } from "../own.js";
import { jsonResponse } from "../respond.js";
import type { Session } from "../session.js";
import { type Row, readValue } from "../store/row-store.js";
import { formatValue, toJsonValue } from "./format-value.js";
import { findColumn, makeRowResolver } from "./row-resolver.js";

const MAX_SOURCE_ROWS = 50_000;

interface Aggregate {
  alias: string;
  of(rows: readonly Row[]): number | null;
}

const METHODS: Record<string, (values: number[]) => number | null> = {
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  average: (values) => (values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null),
  min: (values) => (values.length > 0 ? values.reduce((a, b) => Math.min(a, b)) : null),
  max: (values) => (values.length > 0 ? values.reduce((a, b) => Math.max(a, b)) : null),
};

function parseAggregate(table: Table, text: string): Aggregate {
  const count = /^\$count\s+as\s+(\w+)$/.exec(text);
  if (count) return { alias: count[1] ?? "", of: (rows) => rows.length };
  const [, name = "", method = "", alias = ""] = /^(\w+)\s+with\s+(\w+)\s+as\s+(\w+)$/.exec(text) ?? [];
  if (method === "countdistinct") throw notImitated("countdistinct in $apply");
  const compute = own(METHODS, method);
  if (!compute) throw badQuery(`The $apply expression '${text}' is not valid.`);
  const column = findColumn(table, name);
  return {
    alias,
    of: (rows) =>
      compute(
        rows.flatMap((row) => {
          const value = readValue(table, row, column.name);
          return typeof value === "number" ? [value] : [];
        }),
      ),
  };
}

const argumentOf = (text: string): string => text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));

/** `groupby((a,b),aggregate(…))`: columns and aggregates. */
function parseGroupBy(table: Table, text: string): { columns: Column[]; aggregates: Aggregate[] } {
  const [keys = "", aggregate] = splitOutside(argumentOf(text), ",");
  const names = splitOutside(argumentOf(keys), ",");
  if (names.some((name) => name.includes("/"))) throw notImitated("grouping by navigation paths in $apply");
  const columns = names.map((name) => findColumn(table, name));
  if (columns.some(({ type }) => type === "DateTime")) throw badQuery("Grouping by a date column is not supported.");
  const aggregates =
    aggregate === undefined ? [] : splitOutside(argumentOf(aggregate), ",").map((one) => parseAggregate(table, one));
  return { columns, aggregates };
}

/** Answers `GET <set>?$apply=…`. */
export function readApply(session: Session, table: Table, options: QueryOptions): SimResponse {
  const { database, world } = session.org;
  if (options.orderBy.length > 0) throw badQuery("The query node SingleValueOpenPropertyAccess is not supported");
  const steps = splitOutside(options.apply ?? "", "/");
  let rows: Row[] = [...database.rows(table.name).all()];
  let columns: Column[] = [];
  let aggregates: Aggregate[] | undefined;
  for (const step of steps) {
    const name = step.split("(", 1)[0];
    if (aggregates) throw notImitated("$apply steps after an aggregation");
    if (name === "filter") {
      const resolver = makeRowResolver(table, { database, nowMs: world.now(), userId: session.caller.userId });
      rows = rows.filter(compileFilter(parseFilter(argumentOf(step)), resolver));
    } else if (name === "groupby") ({ columns, aggregates } = parseGroupBy(table, step));
    else if (name === "aggregate")
      aggregates = splitOutside(argumentOf(step), ",").map((one) => parseAggregate(table, one));
    else throw notImitated(`the $apply transformation ${name}`);
  }
  if (!aggregates) throw badQuery(`The $apply expression '${options.apply}' is not valid.`);
  if (rows.length > MAX_SOURCE_ROWS) {
    throw new ODataError(400, "0x8004E023", "The maximum record limit is exceeded. Reduce the number of records.");
  }
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify(columns.map(({ name }) => readValue(table, row, name))).toLowerCase();
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  if (columns.length === 0 && groups.size === 0) groups.set("", []);
  const value = [...groups.values()].map((group) => toGroupItem(session, table, columns, aggregates ?? [], group));
  return jsonResponse(session, 200, { "@odata.context": `${session.apiUrl}/$metadata#${table.setName}`, value });
}

/** Group keys that are null are left out of the item. */
function toGroupItem(
  session: Session,
  table: Table,
  columns: readonly Column[],
  aggregates: readonly Aggregate[],
  rows: readonly Row[],
) {
  const item: Record<string, unknown> = {};
  const [first] = rows;
  for (const column of columns) {
    const value = first ? readValue(table, first, column.name) : null;
    if (value === null) continue;
    const property = column.targets ? `_${column.name}_value` : column.name;
    const label = formatValue(session.org.database, column, value);
    const annotation = "OData.Community.Display.V1.FormattedValue";
    if (label !== undefined && session.preferences.wantsAnnotation(annotation))
      item[`${property}@${annotation}`] = label;
    item[property] = toJsonValue(column, value);
  }
  for (const { alias, of } of aggregates) item[alias] = of(rows);
  return item;
}
