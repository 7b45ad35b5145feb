import type { Value } from "../model/column.js";
import type { Table } from "../model/table.js";
import type { Row } from "../store/row-store.js";

/** Columns in the table's order, without what is null or default: rows of one kind share their shape in memory. */
export function toRow(table: Table, value: (name: string) => Value | undefined, version: number): Row {
  const row: Record<string, Value | undefined> = {};
  for (const column of table.columns) {
    const stored = value(column.name);
    const isAbsent =
      stored === undefined || (stored === null ? column.default === undefined : stored === column.default);
    if (!isAbsent) row[column.name] = stored;
  }
  // A spread copy is laid out compactly, what was filled name by name is not.
  return { ...row, versionnumber: version };
}
