// Small mappings for tests: valid in all but what the test changes.

import { type CompiledMapping, compileMapping } from "../../shared/mapping/compile.js";
import type { TableMapping } from "../../shared/mapping/table-mapping.js";
import { validateMapping } from "../../shared/mapping/validate.js";

/** One field of a mapping document: `lastname` → `lastName`, with `changes` on top. */
export function aField(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { source: { column: "lastname" }, target: "lastName", type: "string", ...changes };
}

/** A mapping document of contacts with `fields`, with `changes` on top. */
export function aMappingDocument(
  fields: readonly Record<string, unknown>[] = [aField()],
  changes: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    v: 1,
    table: { name: "contact", set: "contacts", id: "contactid" },
    resource: { api: "profileAndServicesExt", name: "profile" },
    key: { field: "externalId", address: { by: "uri" } },
    columns: { contactid: "id", lastname: "string", firstname: "string", birthdate: "date", gendercode: "choice" },
    fields,
    ...changes,
  };
}

/** The document validated and compiled. Throws when it has problems. */
export function compiled(document: unknown): CompiledMapping {
  return compileMapping(validated(document));
}

/** The document validated. Throws when it has problems. */
export function validated(document: unknown): TableMapping {
  const result = validateMapping(document);
  if ("mapping" in result) return result.mapping;
  throw new Error(JSON.stringify(result.problems));
}
