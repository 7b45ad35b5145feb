/** Which columns changed when: only kept while the switch `selectNarrowsChanges` is on, and lost with the process. */
export interface ColumnVersions {
  record(table: string, id: string, columns: Iterable<string>, version: number): void;
  /** Whether one of the columns changed after a version; yes when nothing is known of the row. */
  changedSince(table: string, id: string, columns: ReadonlySet<string>, version: number): boolean;
}

/** Makes an empty record. */
export function makeColumnVersions(): ColumnVersions {
  const rows = new Map<string, Map<string, number>>();
  return {
    record(table, id, columns, version) {
      const key = `${table} ${id}`;
      const known = rows.get(key) ?? new Map<string, number>();
      rows.set(key, known);
      for (const column of columns) known.set(column, version);
    },
    changedSince(table, id, columns, version) {
      const known = rows.get(`${table} ${id}`);
      if (!known) return true;
      for (const column of columns) if ((known.get(column) ?? 0) > version) return true;
      return false;
    },
  };
}
