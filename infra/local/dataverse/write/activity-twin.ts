// The read-only twin every activity has in activitypointer; facts/dataverse.md §10.
import type { Value } from "../model/column.js";
import type { Table } from "../model/table.js";
import type { Database, Transaction } from "../store/database.js";
import { type Row, readValue } from "../store/row-store.js";

/** Writes the twin of an activity: the columns activitypointer has, its state and status mapped by state. */
export function writeTwin(database: Database, tx: Transaction, table: Table, activity: Row): void {
  const pointers = database.table("activitypointer");
  if (!pointers) return;
  const twin: Record<string, Value | undefined> = {};
  for (const { name } of pointers.columns) {
    if (!table.column(name)) continue;
    const value = readValue(table, activity, name);
    if (value !== null) twin[name] = value;
  }
  const state = readValue(table, activity, "statecode");
  const status = pointers.column("statecode")?.choices?.find(({ value }) => value === state)?.defaultStatus;
  tx.put(pointers, { ...twin, activitytypecode: table.name, statuscode: status ?? 1, versionnumber: tx.nextVersion() });
}

/** Removes the twin of a deleted activity. */
export function removeTwin(database: Database, tx: Transaction, id: string): void {
  const pointers = database.table("activitypointer");
  if (pointers && database.rows(pointers.name).get(id)) tx.remove(pointers, id);
}
