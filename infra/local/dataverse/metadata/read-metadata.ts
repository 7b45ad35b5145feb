// GET on definitions: tables, columns with their casts, option sets, keys, relationships; facts/dataverse.md §9.1.

import type { SimResponse } from "../../sim/types.js";
import { notImitated, ODataError, segmentNotFound } from "../errors.js";
import type { Column } from "../model/column.js";
import { relationshipsTo } from "../model/relationships.js";
import type { Table } from "../model/table.js";
import type { QueryOptions } from "../odata/query-options.js";
import { parseKey, type Segment } from "../odata/resource-path.js";
import { own } from "../own.js";
import { jsonResponse } from "../respond.js";
import { privilegesOf } from "../security/privileges-of.js";
import type { Organisation, Session } from "../session.js";
import type { Database } from "../store/database.js";
import {
  attributeTypeOf,
  describeColumn,
  describeColumnByType,
  describeKey,
  describeOptionSet,
  describeRelationship,
  describeTable,
} from "./describe.js";
import { type Collections, type Definition, queryDefinitions } from "./json-query.js";

const CRM = "Microsoft.Dynamics.CRM.";
const CHOICES = new Set<Column["type"]>(["Boolean", "MultiSelectPicklist", "Picklist", "State", "Status"]);

const optionSets = (table: Table, column: Column): Collections => {
  if (!CHOICES.has(column.type)) return {};
  const set = describeOptionSet(table, column);
  const isGlobal = column.optionSet?.global === true;
  return {
    OptionSet: () => ({ items: set, collections: {}, type: "OptionSetMetadata" }),
    GlobalOptionSet: () => ({ items: isGlobal ? set : {}, collections: {}, type: "OptionSetMetadata" }),
  };
};

/** Relationships in which the table is the one that names (many to one), or is named (one to many). */
export const relationshipsOf = (database: Database, table: Table, side: "ManyToOne" | "OneToMany"): Definition[] => {
  const described = (named: string) => relationshipsTo(database, named);
  if (side === "OneToMany")
    return described(table.name).map((relationship) => describeRelationship(database, relationship));
  return table.lookups.flatMap((column) =>
    (column.targets ?? []).map((target) => describeRelationship(database, { table, column, target })),
  );
};

/** The collections of a table's definition that can be read or expanded. */
const tableCollections = (database: Database, table: Table): Collections => ({
  Attributes: () => ({
    items: table.columns.map((column) => describeColumn(table, column)),
    collections: {},
    type: "AttributeMetadata",
  }),
  Keys: () => ({ items: table.keys.map((key) => describeKey(table, key)), collections: {}, type: "EntityKeyMetadata" }),
  ManyToOneRelationships: () => ({
    items: relationshipsOf(database, table, "ManyToOne"),
    collections: {},
    type: "OneToManyRelationshipMetadata",
  }),
  OneToManyRelationships: () => ({
    items: relationshipsOf(database, table, "OneToMany"),
    collections: {},
    type: "OneToManyRelationshipMetadata",
  }),
  ManyToManyRelationships: () => ({ items: [], collections: {}, type: "ManyToManyRelationshipMetadata" }),
});

/** A table's definition with its privileges. */
const describeWhole = (org: Organisation, table: Table): Definition => ({
  ...describeTable(table),
  Privileges: privilegesOf(org, table).map(({ id, name, right, depths }) => ({
    CanBeBasic: depths.includes("Basic"),
    CanBeDeep: depths.includes("Deep"),
    CanBeEntityReference: false,
    CanBeGlobal: depths.includes("Global"),
    CanBeLocal: depths.includes("Local"),
    CanBeParentEntityReference: false,
    Name: name,
    PrivilegeId: id,
    PrivilegeType: right,
  })),
});

const missing = (what: string, name: string): ODataError =>
  new ODataError(404, "0x80060888", `Could not find ${what} with the specified ${name}.`);

/** The table a key of `EntityDefinitions(...)` names: by LogicalName or MetadataId. */
export function findDefinition(database: Database, argument: string): Table {
  const [[name, literal] = ["", undefined]] = [...parseKey(argument)];
  const value = String(literal?.value).toLowerCase();
  const found = database.tables().find((table) => (name === "LogicalName" ? table.name : table.metadataId) === value);
  if (!found)
    throw new ODataError(404, "0x80060888", `Could not find an entity with specified entity name or id: ${value}.`);
  return found;
}

const findByName = <T>(
  items: readonly T[],
  argument: string,
  nameOf: (item: T) => string,
  idOf: (item: T) => string,
  what: string,
): T => {
  const [[name, literal] = ["", undefined]] = [...parseKey(argument)];
  const value = String(literal?.value).toLowerCase();
  const found = items.find(
    (item) => (name === "" || name === "MetadataId" ? idOf(item) : nameOf(item)).toLowerCase() === value,
  );
  if (!found) throw missing(what, value);
  return found;
};

function one(
  session: Session,
  definition: Definition,
  options: QueryOptions,
  collections: Collections,
  type: string,
  context: string,
): SimResponse {
  const [item = {}] = queryDefinitions([definition], { ...options, filter: undefined }, collections, type);
  return jsonResponse(session, 200, { "@odata.context": `${session.apiUrl}/$metadata#${context}/$entity`, ...item });
}

function many(
  session: Session,
  items: Definition[],
  options: QueryOptions,
  collections: Collections,
  type: string,
  context: string,
): SimResponse {
  const value = queryDefinitions(items, options, collections, type);
  return jsonResponse(session, 200, { "@odata.context": `${session.apiUrl}/$metadata#${context}`, value });
}

function readAttributes(
  session: Session,
  table: Table,
  segments: readonly Segment[],
  options: QueryOptions,
): SimResponse {
  const [attributes, cast, property] = segments;
  const context = `EntityDefinitions('${table.name}')/Attributes`;
  const castName = cast?.name.startsWith(CRM) ? cast.name.slice(CRM.length) : undefined;
  if (castName === "EnumAttributeMetadata")
    throw new ODataError(400, "0x80060888", "EnumAttributeMetadata cannot be used as a cast.");
  const describe = (column: Column): Definition =>
    castName ? describeColumnByType(table, column) : describeColumn(table, column);

  if (attributes?.argument === undefined) {
    const columns = table.columns.filter((column) => castName === undefined || attributeTypeOf(column) === castName);
    const items = columns.map(describe);
    const sets: Collections = castName ? collectionsByItem(table) : {};
    return many(session, items, options, sets, castName ?? "AttributeMetadata", context);
  }
  const column = findByName(
    table.columns,
    attributes.argument,
    ({ name }) => name,
    (found) => String(describeColumn(table, found).MetadataId),
    "an attribute",
  );
  if (castName && attributeTypeOf(column) !== castName) throw segmentNotFound(cast?.name ?? "");
  const sets = castName ? optionSets(table, column) : {};
  const last = castName ? property : cast;
  if (last?.name === "OptionSet" && CHOICES.has(column.type)) {
    return one(session, describeOptionSet(table, column), options, {}, "OptionSetMetadata", `${context}/OptionSet`);
  }
  if (last) throw segmentNotFound(last.name);
  // Without a cast a single attribute comes with all it has.
  const definition = castName || options.select ? describe(column) : describeColumnByType(table, column);
  return one(session, definition, options, sets, castName ?? "AttributeMetadata", context);
}

const collectionsByItem = (table: Table): Collections => {
  const of = (definition: Definition, name: "OptionSet" | "GlobalOptionSet") => {
    const column = table.column(String(definition.LogicalName));
    const make = column && optionSets(table, column)[name];
    if (!make) throw segmentNotFound(name);
    return make(definition);
  };
  return {
    OptionSet: (definition) => of(definition, "OptionSet"),
    GlobalOptionSet: (definition) => of(definition, "GlobalOptionSet"),
  };
};

function readGlobalOptionSets(session: Session, segment: Segment, options: QueryOptions): SimResponse {
  const sets = new Map<string, Definition>();
  for (const table of session.org.database.tables()) {
    for (const column of table.columns)
      if (column.optionSet?.global) sets.set(column.optionSet.name, describeOptionSet(table, column));
  }
  if (segment.argument === undefined)
    return many(session, [...sets.values()], options, {}, "OptionSetMetadataBase", "GlobalOptionSetDefinitions");
  const set = findByName(
    [...sets.values()],
    segment.argument,
    (item) => String(item.Name),
    (item) => String(item.MetadataId),
    "an option set",
  );
  return one(session, set, options, {}, "OptionSetMetadata", "GlobalOptionSetDefinitions");
}

/** The collections of the first segment that are definitions. */
export const METADATA_SETS = new Set(["EntityDefinitions", "GlobalOptionSetDefinitions", "RelationshipDefinitions"]);

/** Answers GET on a definition path. */
export function readMetadata(session: Session, segments: readonly Segment[], options: QueryOptions): SimResponse {
  const { database } = session.org;
  const [first, second, ...rest] = segments;
  if (first?.name === "GlobalOptionSetDefinitions") return readGlobalOptionSets(session, first, options);
  if (first?.name === "RelationshipDefinitions") {
    const all = database.tables().flatMap((table) => relationshipsOf(database, table, "ManyToOne"));
    if (first.argument === undefined)
      return many(session, all, options, {}, "RelationshipMetadataBase", "RelationshipDefinitions");
    const found = findByName(
      all,
      first.argument,
      (item) => String(item.SchemaName),
      (item) => String(item.MetadataId),
      "a relationship",
    );
    return one(session, found, options, {}, "RelationshipMetadataBase", "RelationshipDefinitions");
  }
  if (first?.argument === undefined) {
    const tables = database.tables();
    const byName = new Map(tables.map((table) => [table.name, table]));
    const collections: Collections = Object.fromEntries(
      ["Attributes", "Keys", "ManyToOneRelationships", "OneToManyRelationships", "ManyToManyRelationships"].map(
        (name) => [
          name,
          (definition: Definition) => {
            const table = byName.get(String(definition.LogicalName));
            const make = table && tableCollections(database, table)[name];
            if (!make) throw segmentNotFound(name);
            return make(definition);
          },
        ],
      ),
    );
    if (second) throw segmentNotFound(second.name);
    return many(
      session,
      tables.map((table) => describeWhole(session.org, table)),
      options,
      collections,
      "EntityMetadata",
      "EntityDefinitions",
    );
  }
  const table = findDefinition(database, first.argument);
  if (!second)
    return one(
      session,
      describeWhole(session.org, table),
      options,
      tableCollections(database, table),
      "EntityMetadata",
      "EntityDefinitions",
    );
  if (second.name === "Attributes") return readAttributes(session, table, [second, ...rest], options);
  const collection = own(tableCollections(database, table), second.name);
  if (!collection) {
    const described = describeWhole(session.org, table);
    if (!Object.hasOwn(described, second.name)) throw segmentNotFound(second.name);
    return jsonResponse(session, 200, {
      "@odata.context": `${session.apiUrl}/$metadata#EntityDefinitions('${table.name}')/${second.name}`,
      value: described[second.name],
    });
  }
  const { items, type } = collection({});
  const list = Array.isArray(items) ? items : [items];
  const context = `EntityDefinitions('${table.name}')/${second.name}`;
  if (second.argument === undefined) {
    const castless = rest[0]?.name.startsWith(CRM) ? [] : rest;
    if (castless.length > 0) throw notImitated(`the path below ${second.name}`);
    return many(session, list, options, {}, type, context);
  }
  const found = findByName(
    list,
    second.argument,
    (item) => String(item.LogicalName ?? item.SchemaName),
    (item) => String(item.MetadataId),
    second.name,
  );
  return one(session, found, options, {}, type, context);
}
