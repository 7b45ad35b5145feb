// One row, one of its properties, and what its navigation properties lead to; facts/dataverse.md §3, §5.
import type { SimResponse } from "../../sim/types.js";
import { noSuchProperty, notImitated } from "../errors.js";
import { collectionOf } from "../model/relationships.js";
import type { Table } from "../model/table.js";
import type { QueryOptions } from "../odata/query-options.js";
import type { Segment } from "../odata/resource-path.js";
import { emptyResponse, jsonResponse } from "../respond.js";
import type { Session } from "../session.js";
import { type Row, readValue } from "../store/row-store.js";
import { findByKey } from "../write/find-by-key.js";
import { toJsonValue } from "./format-value.js";
import { makeProjector } from "./project.js";
import { contextOf, countRows, readRows } from "./read-rows.js";
import { findColumn, relatedRows } from "./row-resolver.js";

const LIST_OPTIONS = ["$filter", "$orderby", "$top", "$count"];

function readOne(session: Session, table: Table, row: Row, options: QueryOptions): SimResponse {
  const refused = LIST_OPTIONS.find((name) => options.given.has(name));
  if (refused) throw notImitated(`${refused} on a single row`);
  const etag = `W/"${row.versionnumber}"`;
  const canBeCached = table.optimisticConcurrency && options.expand.length === 0 && !session.preferences.annotations;
  if (canBeCached && session.request.headers["if-none-match"]?.trim() === etag) return emptyResponse(session, 304);
  const context = `${contextOf(session, table.setName, options)}/$entity`;
  const item = makeProjector(session, table, options)(row);
  return jsonResponse(session, 200, { "@odata.context": context, ...item }, { headers: { etag } });
}

/** Answers `GET <set>(<key>)` and everything below it. Throws 404 when the row does not exist. */
export function readRow(
  session: Session,
  table: Table,
  argument: string,
  rest: readonly Segment[],
  options: QueryOptions,
): SimResponse {
  const { database } = session.org;
  const match = findByKey(session, table, argument);
  const row = match.id === undefined ? undefined : database.rows(table.name).get(match.id);
  if (!row) throw match.missing();
  const [next, ...further] = rest;
  if (!next) return readOne(session, table, row, options);

  const single = table.navigation(next.name);
  const target = single && database.table(single.target.table);
  if (single && target) {
    const reference = row[single.column.name];
    const isThere =
      typeof reference === "object" && reference !== null && "id" in reference && reference.table === target.name;
    if (!isThere) return emptyResponse(session, 204);
    if (further[0]?.name === "$ref") {
      return jsonResponse(session, 200, {
        "@odata.context": `${session.apiUrl}/$metadata#$ref`,
        "@odata.id": `${session.apiUrl}/${target.setName}(${reference.id})`,
      });
    }
    return readRow(session, target, reference.id, further, options);
  }

  const relationship = collectionOf(database, table.name, next.name);
  if (relationship) {
    const rows = relatedRows(database, relationship.table, relationship.column, String(row[table.primaryId]));
    const source = { table: relationship.table, rows, path: `${table.setName}(${argument})/${next.name}` };
    if (further.length === 0 && next.argument === undefined) return readRows(session, source, options);
    if (further[0]?.name === "$count")
      return plainText(session, countRows(session, source, options, session.org.switches.countCap));
    throw notImitated(`the path below ${next.name}`);
  }

  const column = findColumn(table, next.name);
  const value = toJsonValue(column, readValue(table, row, column.name));
  if (further[0]?.name === "$value") return value === null ? emptyResponse(session, 204) : plainText(session, value);
  if (further.length > 0) throw noSuchProperty(further[0]?.name ?? "", table.name);
  if (value === null) return emptyResponse(session, 204);
  return jsonResponse(session, 200, {
    "@odata.context": `${session.apiUrl}/$metadata#${table.setName}(${match.id})/${next.name}`,
    value,
  });
}

/** A bare value as text, as `$count` and `$value` answer. */
export const plainText = (session: Session, value: unknown): SimResponse => {
  const response = emptyResponse(session, 200, { "content-type": "text/plain" });
  return { ...response, body: String(value) };
};
