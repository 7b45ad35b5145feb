// Deleting one row inside a transaction, with what hangs on it. Creating and changing are in writer.ts.
import { ODataError, objectDoesNotExist } from "../errors.js";
import type { RowEvent } from "../events/context.js";
import type { Value } from "../model/column.js";
import { type Relationship, relationshipsTo } from "../model/relationships.js";
import type { Table } from "../model/table.js";
import type { Session } from "../session.js";
import type { Transaction } from "../store/database.js";
import type { Row } from "../store/row-store.js";
import { removeTwin, writeTwin } from "./activity-twin.js";
import { toRow } from "./to-row.js";
import type { WriteOptions } from "./writer.js";

/** Deletes a row and what hangs on it, as the relationships say (facts/dataverse.md §10, §11). Throws 405 where one forbids it. */
export async function deleteRow(
  session: Session,
  tx: Transaction,
  table: Table,
  id: string,
  options: WriteOptions = {},
): Promise<void> {
  const { database, events } = session.org;
  const before = database.rows(table.name).get(id);
  if (!before) throw objectDoesNotExist(table.name, id);
  const hasSteps = options.silent !== true && events.hasSteps("Delete", table.name);
  const event: RowEvent = {
    ...{
      message: "Delete",
      table,
      id,
      target: undefined,
      sent: undefined,
      before,
      after: undefined,
      depth: options.depth ?? 1,
    },
    ...(options.outer ? { outer: options.outer } : {}),
  };
  if (hasSteps) await events.before(session, tx, event);
  await cascadeDelete(session, tx, table, id, options);
  tx.remove(table, id);
  if (table.activity) removeTwin(database, tx, id);
  if (hasSteps) await events.after(session, tx, event);
}

async function cascadeDelete(
  session: Session,
  tx: Transaction,
  table: Table,
  id: string,
  options: WriteOptions,
): Promise<void> {
  const { database } = session.org;
  for (const relationship of relationshipsTo(database, table.name)) {
    const { table: related, column, target } = relationship;
    if (target.onDelete === "NoCascade" || related.name === "activitypointer") continue;
    const store = database.rows(related.name);
    for (const relatedId of [...(store.referencing(column.name, id) ?? [])]) {
      const row = store.get(relatedId);
      if (!row) continue;
      if (target.onDelete === "Restrict") {
        throw new ODataError(
          405,
          "0x80040227",
          "The object you tried to delete is associated with another object and cannot be deleted.",
        );
      }
      const depth = (options.depth ?? 1) + 1;
      if (target.onDelete === "Cascade") await deleteRow(session, tx, related, relatedId, { ...options, depth });
      else removeLinks(session, tx, relationship, row, id);
    }
  }
}

/** Empties every lookup of a row that names the deleted one: `parentcustomerid` and what is derived from it, all at once. */
function removeLinks(session: Session, tx: Transaction, { table }: Relationship, row: Row, id: string): void {
  const names = (value: Value | undefined): boolean =>
    typeof value === "object" && value !== null && "id" in value && value.id === id;
  const links = new Set(table.lookups.map(({ name }) => name).filter((name) => names(row[name])));
  const changed = toRow(table, (name) => (links.has(name) ? undefined : row[name]), tx.nextVersion());
  tx.put(table, changed);
  if (table.activity) writeTwin(session.org.database, tx, table, changed);
}
