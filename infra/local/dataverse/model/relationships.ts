import type { Database } from "../store/database.js";
import type { Column, LookupTarget } from "./column.js";
import type { Table } from "./table.js";

/** A lookup seen from the table it names. */
export interface Relationship {
  /** The table that has the lookup. */
  table: Table;
  column: Column;
  target: LookupTarget;
}

const cache = new WeakMap<Database, { schemaVersion: number; byTarget: Map<string, Relationship[]> }>();

/** All relationships in which `table` is the one being named. */
export function relationshipsTo(database: Database, table: string): Relationship[] {
  let entry = cache.get(database);
  if (entry?.schemaVersion !== database.schemaVersion()) {
    const byTarget = new Map<string, Relationship[]>();
    for (const referencing of database.tables()) {
      for (const column of referencing.lookups) {
        for (const target of column.targets ?? []) {
          byTarget.set(target.table, [...(byTarget.get(target.table) ?? []), { table: referencing, column, target }]);
        }
      }
    }
    entry = { schemaVersion: database.schemaVersion(), byTarget };
    cache.set(database, entry);
  }
  return entry.byTarget.get(table) ?? [];
}

/** The relationship behind a collection navigation property of `table`. */
export const collectionOf = (database: Database, table: string, navigation: string): Relationship | undefined =>
  relationshipsTo(database, table).find(({ target }) => target.collection === navigation);
