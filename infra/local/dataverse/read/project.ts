// Rows to the objects an answer holds: selected columns, annotations before what they describe, expanded rows.
import { noSuchProperty } from "../errors.js";
import type { Column, Value } from "../model/column.js";
import { collectionOf } from "../model/relationships.js";
import { type Table, toPropertyName } from "../model/table.js";
import { compileFilter } from "../odata/compile.js";
import type { Expand, QueryOptions } from "../odata/query-options.js";
import { mayRead } from "../privileges.js";
import type { Session } from "../session.js";
import { type Row, readValue } from "../store/row-store.js";
import { formatValue, toJsonValue } from "./format-value.js";
import { findColumn, makeRowResolver, relatedRows } from "./row-resolver.js";
import { sortRows } from "./sort-rows.js";

const FORMATTED = "OData.Community.Display.V1.FormattedValue";
const LOOKUP_TABLE = "Microsoft.Dynamics.CRM.lookuplogicalname";
const NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty";

/** Writes one row. */
export type Projector = (row: Row) => Record<string, unknown>;

/** The columns a `$select` stands for: the primary key always comes, the currency with every Money column. */
export function selectedColumns(table: Table, select: readonly string[] | undefined): readonly Column[] {
  if (!select) return table.readable;
  const columns = new Set<Column>();
  for (const name of select) columns.add(findColumn(table, name));
  const key = table.column(table.primaryId);
  if (key) columns.add(key);
  const currency = table.column("transactioncurrencyid");
  if (currency && [...columns].some(({ type }) => type === "Money")) columns.add(currency);
  return [...columns];
}

/** Compiles a projection. Throws 400 for names that do not exist. */
export function makeProjector(session: Session, table: Table, options: QueryOptions): Projector {
  const { database } = session.org;
  const { wantsAnnotation, annotations } = session.preferences;
  const columns = selectedColumns(table, options.select).map((column) => ({
    column,
    property: toPropertyName(column),
    formatted: annotations && wantsAnnotation(FORMATTED),
    lookupTable: annotations && column.targets !== undefined && wantsAnnotation(LOOKUP_TABLE),
    navigation: annotations && column.targets !== undefined && wantsAnnotation(NAVIGATION),
  }));
  const expansions = options.expand.map((expand) => makeExpansion(session, table, expand));

  return (row) => {
    const item: Record<string, unknown> = { "@odata.etag": `W/"${row.versionnumber}"` };
    for (const { column, property, formatted, lookupTable, navigation } of columns) {
      const value = readValue(table, row, column.name);
      if (formatted) {
        const label = isNameShown(session, column, value) ? formatValue(database, column, value) : undefined;
        if (label !== undefined) item[`${property}@${FORMATTED}`] = label;
      }
      if (typeof value === "object" && value !== null && "id" in value) {
        const target = column.targets?.find((one) => one.table === value.table);
        if (navigation && target) item[`${property}@${NAVIGATION}`] = target.navigation;
        if (lookupTable) item[`${property}@${LOOKUP_TABLE}`] = value.table;
      }
      item[property] = toJsonValue(column, value);
    }
    for (const expand of expansions) expand(row, item);
    return item;
  };
}

/** Nothing says whether one sees the names of rows that one may not read (switch `lookupNames`). */
function isNameShown(session: Session, column: Column, value: Value): boolean {
  if (session.org.switches.lookupNames === "always" || !column.targets) return true;
  const target =
    typeof value === "object" && value !== null && "table" in value
      ? session.org.database.table(value.table)
      : undefined;
  return !target || mayRead(session, target);
}

function makeExpansion(
  session: Session,
  table: Table,
  expand: Expand,
): (row: Row, item: Record<string, unknown>) => void {
  const { database } = session.org;
  const { navigation, options, refOnly } = expand;
  const toItem = (target: Table): Projector => {
    if (!refOnly) return makeProjector(session, target, options);
    return (row) => ({ "@odata.id": `${session.apiUrl}/${target.setName}(${row[target.primaryId]})` });
  };

  const single = table.navigation(navigation);
  const target = single && database.table(single.target.table);
  if (single && target) {
    const project = toItem(target);
    return (row, item) => {
      const reference = row[single.column.name];
      const isThere =
        typeof reference === "object" && reference !== null && "id" in reference && reference.table === target.name;
      const found = isThere ? database.rows(target.name).get(reference.id) : undefined;
      item[navigation] = found ? project(found) : null;
    };
  }

  const relationship = collectionOf(database, table.name, navigation);
  if (!relationship) throw noSuchProperty(navigation, table.name);
  const { table: related, column } = relationship;
  const project = toItem(related);
  const context = { database, nowMs: session.org.world.now(), userId: session.caller.userId };
  const resolver = makeRowResolver(related, context);
  const test = options.filter ? compileFilter(options.filter, resolver) : () => true;
  return (row, item) => {
    const rows = [...relatedRows(database, related, column, String(row[table.primaryId]))].filter(test);
    const sorted = options.orderBy.length > 0 ? sortRows(rows, options.orderBy, resolver, related.primaryId) : rows;
    item[navigation] = sorted.slice(0, Math.min(options.top ?? 5000, 5000)).map(project);
  };
}
