// POST, PATCH, PUT and DELETE on rows: preconditions, upsert, representation; facts/dataverse.md §3, §5, §6.1. `$ref` is in references.ts.
import type { SimResponse } from "../../sim/types.js";
import { noSuchProperty, ODataError, payloadError, versionMismatch } from "../errors.js";
import type { Table } from "../model/table.js";
import type { QueryOptions } from "../odata/query-options.js";
import { checkLookups, checkPrivilege } from "../privileges.js";
import { makeProjector } from "../read/project.js";
import { contextOf } from "../read/read-rows.js";
import { emptyResponse, jsonResponse } from "../respond.js";
import { completeRole, forgetRoleOf } from "../security/role-rows.js";
import type { Session } from "../session.js";
import type { Transaction } from "../store/database.js";
import type { Row } from "../store/row-store.js";
import { deleteRow } from "./delete-row.js";
import { findByKey, type KeyMatch } from "./find-by-key.js";
import { parseJsonObject, parsePayload, type Values } from "./parse-payload.js";
import { addSolutionComponent } from "./solution.js";
import { createRow, updateRow } from "./writer.js";

/** One request on one table, with its transaction. */
export interface WriteRequest {
  session: Session;
  tx: Transaction;
  table: Table;
  options: QueryOptions;
}

const refuseReadOnly = (table: Table, method: string): void => {
  if (!table.readOnly) return;
  throw new ODataError(405, "0x80040800", `The '${method}' method does not support entities of type '${table.name}'.`);
};

const represent = ({ session, table, options }: WriteRequest, row: Row, status: 200 | 201): SimResponse => {
  const item = makeProjector(session, table, options)(row);
  const context = `${contextOf(session, table.setName, options)}/$entity`;
  return jsonResponse(
    session,
    status,
    { "@odata.context": context, ...item },
    { headers: { etag: `W/"${row.versionnumber}"` } },
  );
};

const created = (write: WriteRequest, row: Row, entityId: string): SimResponse => {
  if (write.table.name === "role") completeRole(write.session, write.tx, row);
  if (write.session.preferences.representation) return represent(write, row, 201);
  return emptyResponse(write.session, 204, { "odata-entityid": entityId, location: entityId });
};

const rowUrl = ({ session, table }: WriteRequest, row: Row): string =>
  `${session.apiUrl}/${table.setName}(${row[table.primaryId]})`;

/** `POST <set>`. */
export async function postRow(write: WriteRequest): Promise<SimResponse> {
  const { session, tx, table } = write;
  refuseReadOnly(table, "Create");
  const body = parseJsonObject(table.setName, session.request.body);
  const values = parsePayload(session, table, body, "create");
  checkLookups(session, table, values);
  const row = await createRow(session, tx, table, values);
  addSolutionComponent(session, tx, table, String(row[table.primaryId]));
  return created(write, row, rowUrl(write, row));
}

/** The row a precondition allows to be changed; undefined when it may be created. Throws 404 or 412. */
function checkPreconditions({ session, table }: WriteRequest, match: KeyMatch): Row | undefined {
  const { headers } = session.request;
  const row = match.id === undefined ? undefined : session.org.database.rows(table.name).get(match.id);
  const ifMatch = headers["if-match"]?.trim();
  const ifNoneMatch = headers["if-none-match"]?.trim();
  if (ifMatch !== undefined && !row) throw match.missing();
  if (ifMatch !== undefined && ifMatch !== "*") {
    if (!table.optimisticConcurrency) {
      throw new ODataError(400, "0x80060883", `The ${table.name} entity doesn't have optimistic concurrency enabled.`);
    }
    if (ifMatch !== `W/"${row?.versionnumber}"`) throw versionMismatch();
  }
  if (ifNoneMatch === "*" && row) {
    throw new ODataError(412, "0x80040237", "A record with matching key values already exists.");
  }
  return row;
}

const withoutKey = (values: Values, match: KeyMatch): Values => {
  const kept: Values = new Map(values);
  for (const column of match.key?.columns ?? []) kept.delete(column);
  return kept;
};

/** `PATCH <set>(<key>)`: update or, without `If-Match`, upsert. */
export async function patchRow(write: WriteRequest, argument: string): Promise<SimResponse> {
  const { session, tx, table } = write;
  refuseReadOnly(table, "Update");
  const match = findByKey(session, table, argument);
  const before = checkPreconditions(write, match);
  const body = parseJsonObject(table.setName, session.request.body);
  const keyUrl = `${session.apiUrl}/${table.setName}(${argument})`;
  if (before) {
    const values = withoutKey(parsePayload(session, table, body, "update"), match);
    checkLookups(session, table, values, before);
    const row = await updateRow(session, tx, table, before, values);
    addSolutionComponent(session, tx, table, String(row[table.primaryId]));
    if (session.preferences.representation) return represent(write, row, 200);
    return emptyResponse(session, 204, { "odata-entityid": match.key ? keyUrl : rowUrl(write, row) });
  }
  // Values of the body win over those of the URL (facts/dataverse.md §6.1).
  const fromUrl: Values = match.key ? new Map(match.values) : new Map([[table.primaryId, match.id ?? null]]);
  const values: Values = new Map([...fromUrl, ...parsePayload(session, table, body, "create")]);
  if (!match.key) values.set(table.primaryId, match.id ?? null);
  checkPrivilege(session, table, { verb: "Create" });
  checkLookups(session, table, values);
  const row = await createRow(session, tx, table, values);
  return created(write, row, match.key ? keyUrl : rowUrl(write, row));
}

/** `DELETE <set>(<key>)`. */
export async function removeRow(write: WriteRequest, argument: string): Promise<SimResponse> {
  const { session, tx, table } = write;
  refuseReadOnly(table, "Delete");
  const match = findByKey(session, table, argument);
  const before = checkPreconditions(write, match);
  if (!before) throw match.missing();
  if (table.name === "role") forgetRoleOf(session, tx, String(before.roleid));
  await deleteRow(session, tx, table, String(before[table.primaryId]));
  return emptyResponse(session);
}

/** The row a key names. Throws 404 when there is none. */
export const existing = ({ session, table }: WriteRequest, argument: string): Row => {
  const match = findByKey(session, table, argument);
  const row = match.id === undefined ? undefined : session.org.database.rows(table.name).get(match.id);
  if (!row) throw match.missing();
  return row;
};

/** `PUT <set>(<key>)/<property>` with `{"value": …}`, or `DELETE` of the property: one column. */
export async function writeProperty(
  write: WriteRequest,
  argument: string,
  property: string,
  clear: boolean,
): Promise<SimResponse> {
  const { session, tx, table } = write;
  refuseReadOnly(table, "Update");
  const row = existing(write, argument);
  const column = table.column(property);
  if (!column || column.targets) throw noSuchProperty(property, table.name);
  const value = clear ? null : parseJsonObject(table.setName, session.request.body).value;
  if (value === undefined) throw payloadError(table.setName, "The property 'value' was expected.");
  await updateRow(session, tx, table, row, parsePayload(session, table, { [property]: value }, "update"));
  return emptyResponse(session);
}
