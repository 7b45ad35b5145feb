// What `GET /_sim/state/<set>` shows: rows without paging or rights, and numbers about the whole.
import type { Table } from "./model/table.js";
import { toPropertyName } from "./model/table.js";
import { toJsonValue } from "./read/format-value.js";
import type { Database } from "./store/database.js";
import { readValue } from "./store/row-store.js";

/** Every row as the API would show it, without nulls and annotations; only the properties of `?select=` when given. */
export function* plainRows(
  database: Database,
  table: Table,
  select: readonly string[] | undefined,
): Generator<Record<string, unknown>> {
  const columns = table.columns
    .map((column) => ({ column, property: toPropertyName(column) }))
    .filter(({ property, column }) => column.read && (!select || select.includes(property)));
  for (const row of database.rows(table.name).all()) {
    const item: Record<string, unknown> = {};
    for (const { column, property } of columns) {
      const value = toJsonValue(column, readValue(table, row, column.name));
      if (value !== null) item[property] = value;
    }
    yield item;
  }
}

/** Rows per set that has any, and the version counter. */
export function summarize(database: Database): object {
  const counts = database.tables().map(({ setName, name }) => [setName, database.rows(name).size] as const);
  return { version: database.version(), rows: Object.fromEntries(counts.filter(([, count]) => count > 0)) };
}
