// Changing definitions; facts/dataverse.md §9.2, §9.3. So far: the whole definition of a table by PUT, and publishing.
import type { SimResponse } from "../../sim/types.js";
import { invalidArgument, notImitated, ODataError } from "../errors.js";
import type { Segment } from "../odata/resource-path.js";
import { emptyResponse } from "../respond.js";
import type { Session } from "../session.js";
import { stripTable, type Transaction } from "../store/database.js";
import { parseJsonObject } from "../write/parse-payload.js";
import { findDefinition } from "./read-metadata.js";

/** `PUT EntityDefinitions(<key>)`: takes what may change, change tracking above all, which cannot be switched off again. */
function putTable(session: Session, tx: Transaction, argument: string): SimResponse {
  const table = findDefinition(session.org.database, argument);
  const body = parseJsonObject("EntityDefinitions", session.request.body);
  const wanted = body.ChangeTrackingEnabled;
  if (wanted === false && table.changeTracking) {
    throw invalidArgument(`Change tracking cannot be disabled for the entity '${table.name}' once it is enabled.`);
  }
  if (wanted === true && !table.canTrackChanges) {
    throw invalidArgument(`Change tracking cannot be enabled for the entity '${table.name}'.`);
  }
  tx.define({ ...stripTable(table), changeTracking: wanted === true || table.changeTracking });
  return emptyResponse(session);
}

/** Answers POST, PUT, PATCH and DELETE on a definition path. */
export function writeMetadata(session: Session, tx: Transaction, segments: readonly Segment[]): SimResponse {
  const [first, second] = segments;
  const { method } = session.request;
  if (method === "PATCH")
    throw new ODataError(
      405,
      "0x80060888",
      "Operation not supported on definitions: use PUT with the whole definition.",
    );
  if (method === "PUT" && first?.name === "EntityDefinitions" && first.argument !== undefined && !second)
    return putTable(session, tx, first.argument);
  throw notImitated(`${method} on ${segments.map(({ name }) => name).join("/")}`);
}
