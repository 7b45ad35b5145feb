// Creating and changing one row inside a transaction: defaults, computed columns, checks, versions, events.
import { keepAudit } from "../audit.js";
import { duplicateRecord, ODataError, requiredFieldMissing } from "../errors.js";
import { allValues, type RowEvent } from "../events/context.js";
import type { Reference, Value } from "../model/column.js";
import { WELL_KNOWN } from "../model/ids.js";
import type { Table } from "../model/table.js";
import type { Session } from "../session.js";
import type { Transaction } from "../store/database.js";
import { type Row, readValue } from "../store/row-store.js";
import { writeTwin } from "./activity-twin.js";
import { addComputed } from "./computed.js";
import type { Values } from "./parse-payload.js";
import { checkStillOpen, settleStates } from "./states.js";
import { applyTableRule } from "./table-rules.js";
import { toRow } from "./to-row.js";

/** How a write is done. */
export interface WriteOptions {
  /** No events: for loading data into the simulator. */
  silent?: boolean;
  /** Also changes a closed activity: for what the platform does itself. */
  evenIfClosed?: boolean;
  depth?: number;
  outer?: RowEvent["outer"];
}

const userReference = (id: string): Reference => ({ table: "systemuser", id });
// One object for the unit of every row (see the note on interning in ../store/database.ts).
const UNIT: Reference = { table: "businessunit", id: WELL_KNOWN.businessUnit };
const users = new Map<string, Reference>();
const sharedUser = (id: string): Reference => {
  const known = users.get(id) ?? userReference(id);
  if (users.size < 1000) users.set(id, known);
  return known;
};

const checkKeys = (session: Session, table: Table, id: string, after: (name: string) => Value): void => {
  for (const key of table.keys) {
    if (!key.active) continue;
    const other = session.org.database.rows(table.name).byKey(key, key.columns.map(after));
    if (other === undefined || other === id) continue;
    throw new ODataError(
      412,
      "0x80060892",
      `Entity Key ${key.schemaName} violated. A record with the same value for ${key.columns.join(", ")} already exists. A duplicate record cannot be created. Select one or more unique values and try again.`,
    );
  }
};

const checkRequired = (table: Table, after: (name: string) => Value): void => {
  for (const { name, required, create } of table.columns) {
    if (required !== "SystemRequired" || !create || after(name) !== null) continue;
    throw requiredFieldMissing(`Attribute: ${name} cannot be set to NULL`);
  }
};

const setAudit = (session: Session, table: Table, values: Values, seconds: number, isNew: boolean): void => {
  const { userId, initiatingUserId } = session.caller;
  const behalf = userId === initiatingUserId ? null : sharedUser(initiatingUserId);
  const set = (name: string, value: Value): void => {
    if (table.column(name)) values.set(name, value);
  };
  if (isNew) {
    const overridden = values.get("overriddencreatedon");
    set("createdon", typeof overridden === "number" ? overridden : seconds);
    if (typeof overridden === "number") values.set("overriddencreatedon", seconds);
    set("createdby", sharedUser(userId));
    set("createdonbehalfby", behalf);
    set("owningbusinessunit", UNIT);
    if (!values.has("ownerid")) set("ownerid", sharedUser(userId));
  }
  const owner = values.get("ownerid");
  if (typeof owner === "object" && owner !== null && "id" in owner) {
    set("owninguser", owner.table === "systemuser" ? owner : null);
    set("owningteam", owner.table === "team" ? owner : null);
  }
  set("modifiedon", seconds);
  set("modifiedby", sharedUser(userId));
  set("modifiedonbehalfby", behalf);
};

/** Creates a row and answers it. Throws 412 when the id or a key is taken. */
export async function createRow(
  session: Session,
  tx: Transaction,
  table: Table,
  sent: Values,
  options: WriteOptions = {},
): Promise<Row> {
  const { database, world } = session.org;
  const values: Values = new Map(sent);
  const given = values.get(table.primaryId);
  const id = typeof given === "string" ? given : session.org.makeId();
  if (database.rows(table.name).get(id)) throw duplicateRecord();
  values.set(table.primaryId, id);
  settleStates(table, id, values, undefined);
  const after = (name: string): Value => {
    const value = values.get(name);
    return value !== undefined ? value : (table.column(name)?.default ?? null);
  };
  addComputed(table, values, after);
  checkRequired(table, after);
  checkKeys(session, table, id, after);
  applyTableRule(table.name, session, values, after, true);
  setAudit(session, table, values, Math.floor(world.now() / 1000), true);

  const hasSteps = options.silent !== true && session.org.events.hasSteps("Create", table.name);
  const event = (row: Row | undefined, target: ReadonlyMap<string, Value>): RowEvent => ({
    ...{ message: "Create", table, id, target, sent, before: undefined, after: row, depth: options.depth ?? 1 },
    ...(options.outer ? { outer: options.outer } : {}),
  });
  if (hasSteps) await session.org.events.before(session, tx, event(undefined, values));
  const row = toRow(table, (name) => values.get(name), tx.nextVersion());
  tx.put(table, row);
  if (table.activity) writeTwin(database, tx, table, row);
  noteColumns(session, table, id, values.keys(), row.versionnumber);
  if (hasSteps) {
    const target = allValues(table, row);
    target.delete("versionnumber");
    for (const [name, value] of values) if (value === null) target.set(name, null);
    await session.org.events.after(session, tx, event(row, target));
  }
  return row;
}

const noteColumns = (session: Session, table: Table, id: string, columns: Iterable<string>, version: number): void => {
  if (session.org.switches.selectNarrowsChanges) session.org.columnVersions.record(table.name, id, columns, version);
};

/** Changes a row and answers what it is now. Values equal to the old ones count as a change. */
export async function updateRow(
  session: Session,
  tx: Transaction,
  table: Table,
  before: Row,
  sent: Values,
  options: WriteOptions = {},
): Promise<Row> {
  const { database, world } = session.org;
  const id = String(before[table.primaryId]);
  const values: Values = new Map(sent);
  values.delete(table.primaryId);
  if (!options.evenIfClosed) checkStillOpen(table, values, before);
  settleStates(table, id, values, before);
  const after = (name: string): Value => {
    const value = values.get(name);
    return value !== undefined ? value : readValue(table, before, name);
  };
  addComputed(table, values, after);
  checkRequired(table, after);
  checkKeys(session, table, id, after);
  applyTableRule(table.name, session, values, after, false);
  setAudit(session, table, values, Math.floor(world.now() / 1000), false);

  const hasSteps = options.silent !== true && session.org.events.hasSteps("Update", table.name);
  const target: Values = new Map(values);
  target.set(table.primaryId, id);
  if (!session.org.switches.compositeInUpdateTarget) {
    for (const number of [1, 2, 3]) target.delete(`address${number}_composite`);
  }
  const event = (row: Row | undefined): RowEvent => ({
    ...{ message: "Update", table, id, target, sent, before, after: row, depth: options.depth ?? 1 },
    ...(options.outer ? { outer: options.outer } : {}),
  });
  if (hasSteps) await session.org.events.before(session, tx, event(undefined));
  const read = (name: string): Value | undefined => (values.has(name) ? values.get(name) : before[name]);
  const row = toRow(table, read, tx.nextVersion());
  tx.put(table, row);
  const audited = { before: (name: string) => readValue(table, before, name), after };
  keepAudit(session, tx, { table, id, columns: values.keys(), read: audited });
  if (table.activity) writeTwin(database, tx, table, row);
  noteColumns(session, table, id, values.keys(), row.versionnumber);
  if (hasSteps) await session.org.events.after(session, tx, event(row));
  return row;
}
