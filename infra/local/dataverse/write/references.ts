// `$ref`: one lookup set or emptied, from either of its ends, and the Associate or Disassociate that is; facts/dataverse.md §1.8, §3.
// Lookups in bodies are in parse-payload.ts.
import type { SimResponse } from "../../sim/types.js";
import { noSuchProperty, payloadError } from "../errors.js";
import type { RowEvent } from "../events/context.js";
import { pair, plainReference, typed } from "../events/encode.js";
import type { Reference } from "../model/column.js";
import { collectionOf } from "../model/relationships.js";
import type { Table } from "../model/table.js";
import { emptyResponse } from "../respond.js";
import type { Row } from "../store/row-store.js";
import { parseJsonObject, parsePayload, resolveUrl, type Values } from "./parse-payload.js";
import { existing, type WriteRequest } from "./row-requests.js";
import { updateRow } from "./writer.js";

/** A lookup that changes, and how the request looks at it. */
interface Link {
  /** The row the request's URL names. */
  target: { table: Table; id: string };
  related: Reference;
  relationship: string;
  /** The row that has the lookup, and what it becomes. */
  holder: { table: Table; row: Row; values: Values };
}

const eventOf = ({ session }: WriteRequest, message: string, { target, related, relationship }: Link): RowEvent => ({
  ...{ message, table: target.table, id: target.id, target: undefined, sent: undefined, depth: 1 },
  ...{ before: undefined, after: undefined },
  ...(session.org.switches.associateEntityName === "none" ? { entityName: "none" } : {}),
  parameters: [
    pair("Relationship", typed("Relationship", { PrimaryEntityRole: null, SchemaName: relationship })),
    pair("RelatedEntities", [typed("EntityReference", plainReference(related))]),
  ],
});

async function change(write: WriteRequest, link: Link): Promise<SimResponse> {
  const { session, tx } = write;
  const { events, switches } = session.org;
  const message = session.request.method === "DELETE" ? "Disassociate" : "Associate";
  const event = switches.referenceRaises === "update" ? undefined : eventOf(write, message, link);
  if (event) await events.before(session, tx, event);
  const { table, row, values } = link.holder;
  await updateRow(session, tx, table, row, values, { silent: switches.referenceRaises === "associate" });
  if (event) await events.after(session, tx, event);
  return emptyResponse(session);
}

const idOf = (table: Table, row: Row): string => String(row[table.primaryId]);

/** `PUT` or `DELETE <set>(<key>)/<lookup>/$ref`. */
async function changeOwnLookup(write: WriteRequest, row: Row, navigation: string): Promise<SimResponse> {
  const { session, table } = write;
  const { column } = table.navigation(navigation) ?? {};
  if (!column) throw noSuchProperty(navigation, table.name);
  const removing = session.request.method === "DELETE";
  const url = removing ? null : parseJsonObject(table.setName, session.request.body)["@odata.id"];
  const values = parsePayload(session, table, { [`${navigation}@odata.bind`]: url }, "update");
  const value = removing ? row[column.name] : values.get(column.name);
  if (typeof value !== "object" || value === null || !("id" in value)) {
    // Nothing is tied or untied: an ordinary update, as before.
    await updateRow(session, write.tx, table, row, values);
    return emptyResponse(session);
  }
  const relationship = column.targets?.find((target) => target.table === value.table)?.relationship ?? "";
  return change(write, {
    ...{ target: { table, id: idOf(table, row) }, related: value, relationship },
    holder: { table, row, values },
  });
}

/** `PUT` or `DELETE <set>(<key>)/<navigation>/$ref`: one lookup; `POST` or `DELETE` on a collection: the lookup of the related row. */
export async function writeReference(
  write: WriteRequest,
  argument: string,
  navigation: string,
  inner: string | undefined,
): Promise<SimResponse> {
  const { session, table } = write;
  const { database } = session.org;
  const row = existing(write, argument);
  if (table.navigation(navigation)) return changeOwnLookup(write, row, navigation);
  const relationship = collectionOf(database, table.name, navigation);
  if (!relationship) throw noSuchProperty(navigation, table.name);
  const { table: holder, column, target } = relationship;
  const removing = session.request.method === "DELETE";
  const named = removing
    ? (session.request.query.get("$id") ?? `${holder.setName}(${inner ?? ""})`)
    : parseJsonObject(table.setName, session.request.body)["@odata.id"];
  const related = resolveUrl(session, table.setName, named);
  const holderRow = related.table === holder.name ? database.rows(holder.name).get(related.id) : undefined;
  if (!holderRow) throw payloadError(table.setName, `The row does not belong to the collection '${navigation}'.`);
  const id = idOf(table, row);
  return change(write, {
    ...{ target: { table, id }, related, relationship: target.relationship },
    holder: {
      table: holder,
      row: holderRow,
      values: new Map([[column.name, removing ? null : { table: table.name, id }]]),
    },
  });
}
