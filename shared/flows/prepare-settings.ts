// Documents that are to be in force together, held against Dynamics and each other: every problem by its path, e.g. `[0].columns.foo`. Nothing is
// stored here; publishing is publish-settings.ts.

import type { MappingProblem } from "../mapping/problem.js";
import type { TableMapping } from "../mapping/table-mapping.js";
import { examineMapping } from "../mapping/validate.js";
import { validateMappings } from "../mapping/validate-set.js";
import { type MetadataRules, withMetadata } from "../mapping/with-metadata.js";
import type { MetadataSource } from "./ports.js";

/** Mappings with nothing left open, or none and the problems that keep them from being published. Warnings keep them from nothing. */
export interface PreparedSettings {
  mappings: readonly TableMapping[];
  problems: readonly MappingProblem[];
  warnings: readonly MappingProblem[];
}

/** Fills in what the documents leave open and checks them. Throws only what reading the metadata throws. */
export async function prepareSettings(
  metadata: MetadataSource,
  documents: readonly unknown[],
  rules: MetadataRules,
): Promise<PreparedSettings> {
  const shapes = documents.map((document) => examineMapping(document).mapping);
  const known = await metadata.tables(wantedOf(shapes.filter((mapping) => mapping !== undefined)));
  const filled = shapes.map((mapping) => mapping && withMetadata(mapping, known.get(mapping.table.name), rules));
  const placed = (kind: "problems" | "warnings"): MappingProblem[] =>
    filled.flatMap((one, index) =>
      (one?.[kind] ?? []).map((found) => ({ ...found, path: `[${index}].${found.path}` })),
    );
  const set = validateMappings(filled.map((one, index) => (one ? plain(one.mapping) : documents[index])));
  const problems = [...placed("problems"), ...set.problems];
  return {
    mappings: "mappings" in set && problems.length === 0 ? set.mappings : [],
    problems,
    warnings: [...placed("warnings"), ...set.warnings],
  };
}

/** The columns to ask for, by table; two documents of one table are a problem that validation names. */
function wantedOf(mappings: readonly TableMapping[]): ReadonlyMap<string, ReadonlySet<string>> {
  const wanted = new Map<string, Set<string>>();
  for (const { table, columns } of mappings) {
    wanted.set(table.name, new Set([...(wanted.get(table.name) ?? []), ...Object.keys(columns)]));
  }
  return wanted;
}

/** Where a document lay for an editor means nothing where it is stored. */
function plain({ $schema: _schema, ...mapping }: TableMapping): TableMapping {
  return mapping;
}
