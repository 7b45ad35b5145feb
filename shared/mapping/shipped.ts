import { type CompiledMapping, compileMapping } from "./compile.js";
import contactToProfile from "./contact-to-profile.json" with { type: "json" };
import { validateMapping } from "./validate.js";

/** Version of the settings that ship with the app: the default contact mapping. */
export const shippedSettingsVersion = 1;

/** The documents that ship with the app. */
export const shippedDocuments = [contactToProfile] as const;

/** The shipped mappings by table name, compiled. Throws when one of them is not valid: a mistake of ours that no test let pass. */
export function shippedMappings(): ReadonlyMap<string, CompiledMapping> {
  const compiled = shippedDocuments.map((document) => {
    const validated = validateMapping(document);
    if (!("mapping" in validated)) throw new Error(`shipped mapping: ${JSON.stringify(validated.problems)}`);
    return compileMapping(validated.mapping);
  });
  return new Map(compiled.map((mapping) => [mapping.table.name, mapping]));
}
