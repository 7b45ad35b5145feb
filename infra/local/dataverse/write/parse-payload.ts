// A request body to the values it sets. What those values mean for the row is in writer.ts and table-rules.ts.
import { notImitated, ODataError, payloadError } from "../errors.js";
import type { Reference, Value } from "../model/column.js";
import { collectionOf } from "../model/relationships.js";
import type { Table } from "../model/table.js";
import { parseResourcePath, toRelativeUrl } from "../odata/resource-path.js";
import type { Session } from "../session.js";
import { findByKey } from "./find-by-key.js";
import { toStored } from "./to-stored.js";

/** Values by column name, in the order of the body. */
export type Values = Map<string, Value>;

/** Reads a JSON object. Throws 400 for anything else. */
export function parseJsonObject(setName: string, body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw payloadError(setName, "Invalid JSON. A token was not recognized in the JSON content.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw payloadError(setName, "An error occurred when reading the payload: a JSON object was expected.");
  }
  return value as Record<string, unknown>;
}

/** The row a URL in a body names: `/accounts(<id>)`, a key URL, an absolute one, or `$1` in a change set. */
export function resolveUrl(session: Session, setName: string, url: unknown): Reference {
  if (typeof url !== "string") throw payloadError(setName, `The URL '${String(url)}' is not valid.`);
  const contentId = /^\/?\$([^/]+)$/.exec(url)?.[1];
  const known = contentId === undefined ? url : session.contentIds.get(contentId);
  if (known === undefined) {
    throw new ODataError(
      400,
      "0x80060888",
      `Content-ID Reference: '$${contentId}' does not exist in the batch context.`,
    );
  }
  const [segment, ...rest] = parseResourcePath(decodeURIComponent(toRelativeUrl(known)));
  const table = segment && session.org.database.tableOfSet(segment.name);
  if (!table || segment.argument === undefined || rest.length > 0) {
    throw payloadError(setName, `The URL '${url}' in an @odata.bind or @odata.id annotation is not valid.`);
  }
  const found = findByKey(session, table, segment.argument);
  if (found.id === undefined || !session.org.database.rows(table.name).get(found.id)) throw found.missing();
  return { table: table.name, id: found.id };
}

function parseBind(session: Session, table: Table, navigation: string, url: unknown): [string, Value] {
  const found = table.navigation(navigation);
  if (!found) {
    if (collectionOf(session.org.database, table.name, navigation))
      throw notImitated("binding into a collection on create");
    throw payloadError(
      table.setName,
      `An undeclared property '${navigation}' which only has property annotations in the payload but no property value was found in the payload. In OData, only declared navigation properties and declared named streams can be represented as properties without values.`,
    );
  }
  if (url === null) return [found.column.name, null];
  const reference = resolveUrl(session, table.setName, url);
  const allowed = found.column.targets?.some(
    (target) => target.navigation === navigation && target.table === reference.table,
  );
  if (!allowed) {
    throw payloadError(
      table.setName,
      `A row of '${reference.table}' cannot be bound to the navigation property '${navigation}'.`,
    );
  }
  return [found.column.name, reference];
}

/**
 * The values a body sets. Columns that are not valid for the operation are left out without a word (facts/dataverse.md §6.1);
 * throws 400 (0x80048d19) for unknown properties, wrong types and bad bind names.
 */
export function parsePayload(
  session: Session,
  table: Table,
  body: Record<string, unknown>,
  operation: "create" | "update",
): Values {
  const values: Values = new Map();
  for (const [name, value] of Object.entries(body)) {
    const [property = "", annotation] = name.split("@", 2);
    if (annotation === "odata.bind") {
      const [column, reference] = parseBind(session, table, property, value);
      if (table.column(column)?.[operation]) values.set(column, reference);
      continue;
    }
    if (annotation !== undefined) continue;
    const column = table.column(name);
    if (column && !column.targets && column.type !== "PartyList") {
      const stored = toStored(table, column, value);
      if (column[operation]) values.set(name, stored);
      continue;
    }
    if (table.lookupByValueName(name)) {
      throw payloadError(
        table.setName,
        "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead.",
      );
    }
    const navigation = table.navigation(name);
    if (navigation && value === null) {
      if (navigation.column[operation]) values.set(navigation.column.name, null);
      continue;
    }
    if (navigation || collectionOf(session.org.database, table.name, name))
      throw notImitated("deep insert and deep update");
    throw payloadError(
      table.setName,
      `Invalid property '${name}' was found in entity 'Microsoft.Dynamics.CRM.${table.name}'.`,
    );
  }
  return values;
}
