import { readFileSync } from "node:fs";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { makeMetadataSource } from "../../shared/dataverse/metadata.js";
import { SettingsError } from "../../shared/errors.js";
import { prepareSettings } from "../../shared/flows/prepare-settings.js";
import { type CompiledMapping, compileMapping } from "../../shared/mapping/compile.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import type { TableMapping } from "../../shared/mapping/table-mapping.js";
import { validateMapping } from "../../shared/mapping/validate.js";

/**
 * The mappings to register for: the documents in `files`, filled in from the metadata as publishing them does, so that images carry what the published
 * mappings read; without files those that ship. SettingsError names every problem by its file.
 */
export async function readMappings(
  client: DataverseClient,
  files: readonly string[],
  language: number,
): Promise<ReadonlyMap<string, CompiledMapping>> {
  const documents = await readDocuments(client, files, language);
  return new Map(documents.map((mapping) => [mapping.table.name, compileMapping(mapping)]));
}

/** The same, not yet compiled. */
export async function readDocuments(
  client: DataverseClient,
  files: readonly string[],
  language: number,
): Promise<TableMapping[]> {
  if (files.length === 0) {
    return shippedDocuments.map((document) => {
      const validated = validateMapping(document);
      if ("mapping" in validated) return validated.mapping;
      throw new SettingsError(validated.problems.map(({ path, problem, fix }) => ({ setting: path, problem, fix })));
    });
  }
  const documents = files.map(readDocument);
  // Registering is what switches change tracking on.
  const rules = { language, tracking: false };
  const { mappings, problems } = await prepareSettings(makeMetadataSource(client), documents, rules);
  if (problems.length > 0) {
    throw new SettingsError(
      problems.map(({ path, problem, fix }) => {
        const [place = "", index] = /^\[(\d+)\]\.?/.exec(path) ?? [];
        const file = index === undefined ? "mappings" : String(files[Number(index)]);
        return { setting: `${file} ${path.slice(place.length)}`.trim(), problem, fix };
      }),
    );
  }
  return [...mappings];
}

/** One file as JSON. SettingsError: it cannot be read, or is none. */
export function readDocument(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    const problem = error instanceof SyntaxError ? "is not JSON" : "cannot be read";
    throw new SettingsError([{ setting: file, problem, fix: "give files that each hold one table mapping" }]);
  }
}
