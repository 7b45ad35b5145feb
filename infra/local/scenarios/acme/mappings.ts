// The four mapped tables of the histories, as documents: the shipped contact mapping and docs/examples, three levels deep, in the editions that
// a history publishes one after another. What Campaign must hold for them is oracle.ts, written apart.

import { readFileSync } from "node:fs";
import { type CompiledMapping, compileMapping } from "../../../../shared/mapping/compile.js";
import { validateMapping } from "../../../../shared/mapping/validate.js";

/** A mapped table. */
export type TableName = "contact" | "acme_dealer" | "acme_vehicle" | "acme_visit";
/** Parents first. */
export const tableNames: readonly TableName[] = ["contact", "acme_dealer", "acme_vehicle", "acme_visit"];

/** Entity set, primary id and Campaign resource of each. */
export const placeOf: Readonly<Record<TableName, { set: string; id: string; resource: string }>> = {
  contact: { set: "contacts", id: "contactid", resource: "profile" },
  acme_dealer: { set: "acme_dealers", id: "acme_dealerid", resource: "cusDealer" },
  acme_vehicle: { set: "acme_vehicles", id: "acme_vehicleid", resource: "cusVehicle" },
  acme_visit: { set: "acme_visits", id: "acme_visitid", resource: "cusVisit" },
};

/**
 * Which edition of the mappings is in force. `first`: as shipped and documented. `second`: contacts get another salutation rule and lose those
 * without a last name; dealers that are not wanted any more are deleted; vehicles count as wanted from a lower price on.
 */
export type Edition = "first" | "second";

/** The documents of an edition, for these tables only. */
export function documentsOf(edition: Edition, tables: readonly TableName[]): readonly MappingDocument[] {
  return tables.map((table) => changes[edition](table, documentOf(table)));
}

/** The same, compiled. */
export function mappingsOf(edition: Edition, tables: readonly TableName[]): ReadonlyMap<string, CompiledMapping> {
  return new Map(
    documentsOf(edition, tables).map((document) => [document.table.name, compileDocument(document)] as const),
  );
}

/**
 * The same for an environment whose tables were made through the simulator's Web API (dynamics-tables.ts): it makes lookups with one target only, so
 * that nobody but a person keeps a vehicle.
 */
export function localDocumentsOf(edition: Edition): readonly MappingDocument[] {
  return documentsOf(edition, tableNames).map((document) => {
    if (document.table.name !== "acme_vehicle") return document;
    const keeper = { type: "lookup", targets: ["contact"] };
    return {
      ...document,
      columns: { ...document.columns, acme_keeperid: keeper },
      fields: document.fields.filter(({ target }) => target !== "keeperCompany"),
    };
  });
}

/** A mapping document, as far as an edition changes it. */
export type MappingDocument = Record<string, unknown> & {
  table: { name: string };
  columns: Record<string, unknown>;
  fields: Record<string, unknown>[];
};

const files: Readonly<Record<TableName, string>> = {
  contact: "../../../../shared/mapping/contact-to-profile.json",
  acme_dealer: "../../../../docs/examples/acme-dealer.json",
  acme_vehicle: "../../../../docs/examples/acme-vehicle.json",
  acme_visit: "../../../../docs/examples/acme-visit.json",
};

function documentOf(table: TableName): MappingDocument {
  return JSON.parse(readFileSync(new URL(files[table], import.meta.url), "utf8")) as MappingDocument;
}

const changes: Record<Edition, (table: TableName, document: MappingDocument) => MappingDocument> = {
  first: (_table, document) => document,
  second(table, document) {
    switch (table) {
      case "contact":
        return {
          ...document,
          fields: document.fields.map((field) =>
            field.target === "salutation"
              ? { ...field, source: { upper: { column: "salutation" } }, replacements: {} }
              : field,
          ),
          filters: { join: "and", conditions: [{ column: "lastname", comparison: "isNotEmpty" }] },
          whenFilteredOut: "delete",
        };
      case "acme_dealer":
        return { ...document, whenFilteredOut: "delete" };
      case "acme_vehicle":
        return {
          ...document,
          filters: {
            join: "or",
            conditions: [
              { column: "statecode", comparison: "equals", value: 0 },
              { column: "acme_price", comparison: "greaterOrEqual", value: 50_000 },
            ],
          },
        };
      case "acme_visit":
        return document;
    }
  },
};

function compileDocument(document: MappingDocument): CompiledMapping {
  const validated = validateMapping(document);
  if (!("mapping" in validated)) throw new Error(JSON.stringify(validated.problems));
  return compileMapping(validated.mapping);
}
