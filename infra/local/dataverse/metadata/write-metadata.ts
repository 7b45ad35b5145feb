// Changing definitions: tables, relationships, keys, publishing; facts/dataverse.md §6.1, §9.2, §9.3. Columns are in write-column.ts.
import type { SimResponse } from "../../sim/types.js";
import { addMessageFilters, makePut } from "../bootstrap.js";
import { invalidArgument, notImitated, ODataError, segmentNotFound } from "../errors.js";
import { toGuid } from "../model/ids.js";
import { relationshipsTo } from "../model/relationships.js";
import type { AlternateKey, Table } from "../model/table.js";
import type { Segment } from "../odata/resource-path.js";
import { emptyResponse } from "../respond.js";
import type { Session } from "../session.js";
import { stripTable, type Transaction } from "../store/database.js";
import { readValue } from "../store/row-store.js";
import { parseJsonObject } from "../write/parse-payload.js";
import { addSolutionComponent } from "../write/solution.js";
import { labelText, parseRelationship, parseTable } from "./parse-definition.js";
import { findDefinition } from "./read-metadata.js";
import { deleteColumn, done, duplicate, postColumn, putColumn } from "./write-column.js";

type Json = Record<string, unknown>;
const FIRST_CUSTOM_TYPE = 10_000;
const KEY_TYPES = new Set(["Decimal", "Integer", "String", "DateTime", "Lookup", "Picklist"]);

function postTable(session: Session, tx: Transaction, body: Json): SimResponse {
  const { database, world } = session.org;
  const codes = database.tables().map(({ objectTypeCode }) => objectTypeCode);
  const definition = parseTable(body, Math.max(FIRST_CUSTOM_TYPE, ...codes) + 1);
  if (database.table(definition.name)) throw duplicate(`An entity with the name ${definition.name}`);
  tx.define(definition);
  addMessageFilters(makePut(database, tx, world.now()), definition);
  addSolutionComponent(session, tx, undefined, definition.metadataId, 1);
  return done(session, `EntityDefinitions(${definition.metadataId})`);
}

/** `PUT EntityDefinitions(<key>)`: takes what may change, change tracking above all, which cannot be switched off again. */
function putTable(session: Session, tx: Transaction, table: Table, body: Json): SimResponse {
  const wanted = body.ChangeTrackingEnabled;
  if (wanted === false && table.changeTracking) {
    throw invalidArgument(`Change tracking cannot be disabled for the entity '${table.name}' once it is enabled.`);
  }
  if (wanted === true && !table.canTrackChanges) {
    throw invalidArgument(`Change tracking cannot be enabled for the entity '${table.name}'.`);
  }
  tx.define({
    ...stripTable(table),
    changeTracking: wanted === true || table.changeTracking,
    label: labelText(body.DisplayName) ?? table.label,
    collectionLabel: labelText(body.DisplayCollectionName) ?? table.collectionLabel,
  });
  return emptyResponse(session);
}

function deleteTable(session: Session, tx: Transaction, table: Table): SimResponse {
  if (!table.custom) throw new ODataError(400, "0x80047009", "Only custom tables can be deleted.");
  if (relationshipsTo(session.org.database, table.name).length > 0) {
    throw new ODataError(
      400,
      "0x8004f01f",
      `The ${table.name} component cannot be deleted because it is referenced by other components.`,
    );
  }
  tx.undefine(table.name);
  return emptyResponse(session);
}

/** Whether two rows have the same key: then its index cannot be built. */
const hasDuplicates = (session: Session, table: Table, columns: readonly string[]): boolean => {
  const seen = new Set<string>();
  for (const row of session.org.database.rows(table.name).all()) {
    const values = columns.map((column) => readValue(table, row, column));
    if (values.includes(null)) continue;
    const text = JSON.stringify(values).toLowerCase();
    if (seen.has(text)) return true;
    seen.add(text);
  }
  return false;
};

function postKey(session: Session, tx: Transaction, table: Table, body: Json): SimResponse {
  const schemaName = String(body.SchemaName);
  const columns = Array.isArray(body.KeyAttributes) ? body.KeyAttributes.map(String) : [];
  if (columns.length === 0 || columns.length > 16) throw invalidArgument("A key has between 1 and 16 columns.");
  if (table.keys.length >= 10) throw invalidArgument("A table has at most 10 keys.");
  for (const name of columns) {
    if (!KEY_TYPES.has(table.column(name)?.type ?? ""))
      throw invalidArgument(`The column '${name}' cannot be part of a key.`);
  }
  const name = schemaName.toLowerCase();
  if (table.keys.some((key) => key.name === name)) throw duplicate(`A key with the name ${name}`);
  const { switches, world } = session.org;
  const failed = hasDuplicates(session, table, columns);
  const key: AlternateKey = {
    schemaName,
    name,
    columns,
    metadataId: toGuid(`key ${table.name} ${name}`),
    active: false,
    failed,
  };
  const setActive = (transaction: Transaction, current: Table): void =>
    transaction.define({
      ...stripTable(current),
      keys: [...current.keys.filter((one) => one.name !== name), { ...key, active: !failed }],
    });
  if (switches.keyIndexDelayMs === 0) setActive(tx, table);
  else {
    tx.define({ ...stripTable(table), keys: [...table.keys, key] });
    tx.onCommit(() =>
      world.later(
        switches.keyIndexDelayMs,
        () => void session.org.change((later) => setActive(later, session.org.database.table(table.name) ?? table)),
      ),
    );
  }
  return done(session, `EntityDefinitions(${table.metadataId})/Keys(${key.metadataId})`);
}

function postRelationship(session: Session, tx: Transaction, body: Json): SimResponse {
  const { table: name, column } = parseRelationship(body);
  const table = session.org.database.table(name);
  const target = column.targets?.[0];
  if (!table || !target || !session.org.database.table(target.table)) {
    throw invalidArgument("ReferencingEntity and ReferencedEntity must be tables.");
  }
  if (table.column(column.name)) throw duplicate(`An attribute with the name ${column.name}`);
  tx.define({ ...stripTable(table), columns: [...table.columns, column] });
  const id = toGuid(`relationship ${target.relationship} ${target.table}`);
  addSolutionComponent(session, tx, undefined, id, 10);
  return done(session, `RelationshipDefinitions(${id})`);
}

/** Answers POST, PUT, PATCH and DELETE on a definition path. */
export function writeMetadata(session: Session, tx: Transaction, segments: readonly Segment[]): SimResponse {
  const [first, second, third] = segments;
  const { method } = session.request;
  if (method === "PATCH")
    throw new ODataError(
      405,
      "0x80060888",
      "Operation not supported on definitions: use PUT with the whole definition.",
    );
  const body = method === "DELETE" ? {} : parseJsonObject(first?.name ?? "", session.request.body);
  const shape = `${method} ${segments.map(({ name, argument }) => (argument === undefined ? name : `${name}()`)).join("/")}`;
  if (first?.argument === undefined) {
    if (shape === "POST EntityDefinitions") return postTable(session, tx, body);
    if (shape === "POST RelationshipDefinitions") return postRelationship(session, tx, body);
    throw notImitated(shape);
  }
  if (first.name !== "EntityDefinitions") throw notImitated(shape);
  const table = findDefinition(session.org.database, first.argument);
  if (third && !third.name.startsWith("Microsoft.Dynamics.CRM.")) throw segmentNotFound(third.name);
  const argument = second?.argument ?? "";
  switch (shape.replace(/\/Microsoft\.Dynamics\.CRM\.\w+$/, "")) {
    case "PUT EntityDefinitions()":
      return putTable(session, tx, table, body);
    case "DELETE EntityDefinitions()":
      return deleteTable(session, tx, table);
    case "POST EntityDefinitions()/Attributes":
      return postColumn(session, tx, table, body);
    case "PUT EntityDefinitions()/Attributes()":
      return putColumn(session, tx, table, argument, body);
    case "DELETE EntityDefinitions()/Attributes()":
      return deleteColumn(session, tx, table, argument);
    case "POST EntityDefinitions()/Keys":
      return postKey(session, tx, table, body);
    default:
      throw notImitated(shape);
  }
}

/** Answers PublishXml and PublishAllXml, for which there is nothing to do but to be asked properly. */
export function publish(session: Session, name: string): SimResponse {
  if (session.request.body === "") throw new ODataError(411, "", "Length Required");
  const body = parseJsonObject(name, session.request.body);
  if (name === "PublishXml" && !/^<importexportxml>[\s\S]*<\/importexportxml>$/.test(String(body.ParameterXml))) {
    throw invalidArgument("The ParameterXml of PublishXml must be an importexportxml document.");
  }
  return emptyResponse(session);
}
