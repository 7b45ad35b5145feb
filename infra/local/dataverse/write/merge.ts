// The Merge action: one row takes over what hangs on another, which is deactivated; facts/dataverse.md §1.8, §6.1.
import type { SimResponse } from "../../sim/types.js";
import { invalidArgument, ODataError, objectDoesNotExist } from "../errors.js";
import { encodeTarget, type Pair, pair, plainReference, typed } from "../events/encode.js";
import type { Value } from "../model/column.js";
import { relationshipsTo } from "../model/relationships.js";
import type { Table } from "../model/table.js";
import { emptyResponse } from "../respond.js";
import type { Session } from "../session.js";
import type { Transaction } from "../store/database.js";
import type { Row } from "../store/row-store.js";
import { parseJsonObject, parsePayload, type Values } from "./parse-payload.js";
import { updateRow } from "./writer.js";

const MERGEABLE = new Set(["contact", "account"]);

interface MergeRequest {
  table: Table;
  target: Row;
  subordinate: Row;
  content: Values;
}

function readRequest(session: Session): MergeRequest {
  const body = parseJsonObject("Merge", session.request.body);
  const part = (name: string): Record<string, unknown> => {
    const value = body[name];
    if (typeof value !== "object" || value === null)
      throw invalidArgument(`The parameter '${name}' of Merge is missing.`);
    return value as Record<string, unknown>;
  };
  const type = String(part("Target")["@odata.type"] ?? "").replace(/^#?Microsoft\.Dynamics\.CRM\./, "");
  const table = session.org.database.table(type);
  if (!table || !MERGEABLE.has(type))
    throw new ODataError(400, "0x80040203", `Merge is not supported for the entity '${type}'.`);
  const rowOf = (name: string): Row => {
    const id = String(part(name)[table.primaryId] ?? "").toLowerCase();
    const row = session.org.database.rows(table.name).get(id);
    if (!row) throw objectDoesNotExist(table.name, id);
    return row;
  };
  const [target, subordinate] = [rowOf("Target"), rowOf("Subordinate")];
  if (target === subordinate) throw invalidArgument("A row cannot be merged with itself.");
  const content =
    body.UpdateContent == null
      ? new Map<string, Value>()
      : parsePayload(session, table, part("UpdateContent"), "update");
  content.delete(table.primaryId);
  return { table, target, subordinate, content };
}

/** Every row that names the subordinate names the target from now on, its activities among them. */
async function moveReferences(
  session: Session,
  tx: Transaction,
  table: Table,
  fromId: string,
  toId: string,
  outer: { message: string; parameters: Pair[] },
): Promise<void> {
  const { database } = session.org;
  for (const { table: related, column } of relationshipsTo(database, table.name)) {
    if (
      related.name === "activitypointer" ||
      related.name === "asyncoperation" ||
      column.name === "masterid" ||
      !column.update
    )
      continue;
    const store = database.rows(related.name);
    for (const id of [...(store.referencing(column.name, fromId) ?? [])]) {
      const row = store.get(id);
      // A closed activity moves too, although its user could not have moved it.
      if (row)
        await updateRow(session, tx, related, row, new Map([[column.name, { table: table.name, id: toId }]]), {
          depth: 2,
          outer,
          evenIfClosed: true,
        });
    }
  }
}

/** Answers `POST Merge`. Raises Merge on the master; Update on what changed, one level deeper. */
export async function mergeRows(session: Session, tx: Transaction): Promise<SimResponse> {
  const { table, target, subordinate, content } = readRequest(session);
  const targetId = String(target[table.primaryId]);
  const subordinateId = String(subordinate[table.primaryId]);
  const parameters: Pair[] = [
    pair("Target", typed("EntityReference", plainReference({ table: table.name, id: targetId }))),
    pair("SubordinateId", subordinateId),
    pair("UpdateContent", encodeTarget(table, targetId, content, false)),
    pair("PerformParentingChecks", false),
  ];
  const outer = { message: "Merge", parameters };
  await moveReferences(session, tx, table, subordinateId, targetId, outer);
  const merged = await updateRow(session, tx, table, target, content, { depth: 2, outer });
  const loser = session.org.database.rows(table.name).get(subordinateId) ?? subordinate;
  const retired: Values = new Map<string, Value>([
    ["statecode", 1],
    ["merged", true],
    ["masterid", { table: table.name, id: targetId }],
  ]);
  await updateRow(session, tx, table, loser, retired, { depth: 2, outer });
  const event = {
    message: "Merge",
    table,
    id: targetId,
    target: undefined,
    sent: undefined,
    before: target,
    after: merged,
    depth: 1,
  };
  await session.org.events.after(session, tx, { ...event, parameters: parameters.slice(1), outer });
  return emptyResponse(session);
}
