// CreateMultiple, UpdateMultiple, UpsertMultiple: many rows of one table, all or nothing; facts/dataverse.md §6.2.
import type { SimResponse } from "../../sim/types.js";
import { invalidArgument, ODataError, objectDoesNotExist, payloadError } from "../errors.js";
import type { Table } from "../model/table.js";
import { parseResourcePath, toRelativeUrl } from "../odata/resource-path.js";
import { emptyResponse, jsonResponse } from "../respond.js";
import type { Session } from "../session.js";
import type { Transaction } from "../store/database.js";
import { findByKey, type KeyMatch } from "./find-by-key.js";
import { parseJsonObject, parsePayload, type Values } from "./parse-payload.js";
import { createRow, updateRow } from "./writer.js";

type Item = Record<string, unknown>;
type Action = (session: Session, tx: Transaction, table: Table, items: readonly Item[]) => Promise<SimResponse>;

function readTargets(session: Session, table: Table): Item[] {
  const targets = parseJsonObject(table.setName, session.request.body).Targets;
  if (!Array.isArray(targets) || targets.length === 0)
    throw invalidArgument("The parameter 'Targets' must be a collection of rows.");
  const type = `Microsoft.Dynamics.CRM.${table.name}`;
  return targets.map((item: Item, index) => {
    const given = String(item["@odata.type"] ?? "").replace(/^#/, "");
    if (given !== type) {
      throw payloadError(
        table.setName,
        `The item ${index} of 'Targets' must have the annotation '@odata.type' with the value '${type}'.`,
      );
    }
    return item;
  });
}

const createMultiple: Action = async (session, tx, table, items) => {
  const ids: string[] = [];
  for (const item of items) {
    const row = await createRow(session, tx, table, parsePayload(session, table, item, "create"));
    ids.push(String(row[table.primaryId]));
  }
  const context = `${session.apiUrl}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse`;
  return jsonResponse(session, 200, { "@odata.context": context, Ids: ids });
};

const updateMultiple: Action = async (session, tx, table, items) => {
  for (const item of items) {
    const id = String(item[table.primaryId] ?? "").toLowerCase();
    const row = session.org.database.rows(table.name).get(id);
    if (!row) throw objectDoesNotExist(table.name, id);
    await updateRow(session, tx, table, row, parsePayload(session, table, item, "update"));
  }
  return emptyResponse(session);
};

/** The row an item of UpsertMultiple is about: by `@odata.id`, or by its primary key. */
function matchOf(session: Session, table: Table, item: Item): KeyMatch | undefined {
  const url = item["@odata.id"];
  if (typeof url === "string") {
    const [segment] = parseResourcePath(decodeURIComponent(toRelativeUrl(url)));
    if (segment?.name !== table.setName || segment.argument === undefined)
      throw payloadError(table.setName, `The @odata.id '${url}' is not valid.`);
    return findByKey(session, table, segment.argument);
  }
  const id = item[table.primaryId];
  return typeof id === "string" ? findByKey(session, table, id) : undefined;
}

const upsertMultiple: Action = async (session, tx, table, items) => {
  const seen = new Set<string>();
  for (const item of items) {
    const match = matchOf(session, table, item);
    const identity = match?.id ?? JSON.stringify([...(match?.values ?? [])]).toLowerCase();
    if (match && seen.has(identity) && session.org.switches.duplicateInUpsertMultiple === "fail") {
      throw new ODataError(412, "0x80040237", "Operation failed due to a SQL integrity violation.");
    }
    seen.add(identity);
    const row = match?.id === undefined ? undefined : session.org.database.rows(table.name).get(match.id);
    if (row) {
      const values: Values = parsePayload(session, table, item, "update");
      for (const column of match?.key?.columns ?? []) values.delete(column);
      await updateRow(session, tx, table, row, values);
      continue;
    }
    const fromKey: Values = match?.key ? new Map(match.values) : new Map();
    const values: Values = new Map([...fromKey, ...parsePayload(session, table, item, "create")]);
    if (match && !match.key && match.id !== undefined) values.set(table.primaryId, match.id);
    const created = await createRow(session, tx, table, values);
    seen.add(String(created[table.primaryId]));
  }
  return emptyResponse(session);
};

const ACTIONS: Record<string, Action> = {
  CreateMultiple: createMultiple,
  UpdateMultiple: updateMultiple,
  UpsertMultiple: upsertMultiple,
};

/** Whether a segment is the name of a bound action on many rows. */
export const isMultipleAction = (name: string): boolean =>
  /^Microsoft\.Dynamics\.CRM\.(Create|Update|Upsert|Delete)Multiple$/.test(name);

/** Answers `POST <set>/Microsoft.Dynamics.CRM.<Action>`. Tables without it answer as DeleteMultiple does everywhere. */
export async function runMultiple(
  session: Session,
  tx: Transaction,
  table: Table,
  segment: string,
): Promise<SimResponse> {
  const name = segment.split(".").at(-1) ?? "";
  const action = ACTIONS[name];
  if (!action || !table.bulk) throw new ODataError(400, "0x80040203", `${name} has not yet been implemented.`);
  return action(session, tx, table, readTargets(session, table));
}
