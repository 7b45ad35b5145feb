// What publishing would change in an environment: documents put together from files and from what is in force there, checked by the app itself.

import { SettingsError, type SettingsProblem } from "../../shared/errors.js";
import type { Current, Outcome, SettingsApp, Wanted } from "./app.js";
import type { Environment } from "./environments.js";
import type { DocumentFile } from "./folder.js";
import { resolvePlaceholders } from "./placeholders.js";

/** One document, and where it comes from, for people. */
interface Source {
  table: string;
  document: unknown;
  from: string;
}

/** The app's word on what is wanted. `differs`: publishing would change something; `kept`: tables that stay as they are, for nobody gave a document. */
export interface Plan {
  current: Current;
  wanted: Wanted;
  sources: readonly Source[];
  kept: readonly string[];
  unused: readonly string[];
  outcome: Outcome;
  differs: boolean;
}

/** Where documents are to go. */
export interface Target {
  app: SettingsApp;
  environment: Environment;
}

/**
 * Asks what these documents would change; tables without one stay, but for those of `remove`. SettingsError: a value is missing, or a table cannot be
 * removed. Else what the app throws.
 */
export async function makePlan(
  { app, environment }: Target,
  files: readonly DocumentFile[],
  remove: readonly string[],
): Promise<Plan> {
  const current = await app.current();
  const tables = new Set(files.map(({ table }) => table));
  const inForce = current.documents.map((document, index) => ({ table: current.tables[index] ?? "", document }));
  requireRemovable(remove, tables, new Set(inForce.map(({ table }) => table)));
  const resolved = resolveFiles(environment, files);
  const kept = inForce.filter(({ table }) => !tables.has(table) && !remove.includes(table));
  const sources: Source[] = [
    ...resolved.map(({ table, document, file }) => ({ table, document, from: file })),
    ...kept.map((one) => ({ ...one, from: `in force: ${one.table}` })),
  ];
  const documents = sources.map(({ document }) => withoutSchema(document));
  const wanted = { documents, language: environment.language ?? current.language };
  const outcome = await app.check(wanted, current.version);
  const used = new Set(resolved.flatMap((one) => [...one.used]));
  return {
    current,
    wanted,
    sources,
    kept: kept.map(({ table }) => table),
    unused: Object.keys(environment.values).filter((name) => !used.has(name)),
    outcome,
    differs: outcome.changes.length + outcome.differences.length > 0 || wanted.language !== current.language,
  };
}

/** Files with the environment's values. SettingsError: it names each place that has none. */
export function resolveFiles({ values }: Environment, files: readonly DocumentFile[]) {
  const resolved = files.map((one) => ({ ...one, ...resolvePlaceholders(one.document, values) }));
  const missing = resolved.flatMap(({ file, problems }): SettingsProblem[] =>
    problems.map(({ path, problem, fix }) => ({ setting: `${file}: ${path}`, problem, fix })),
  );
  if (missing.length > 0) throw new SettingsError(missing);
  return resolved;
}

/** Without what is for editors only. */
export function withoutSchema(document: unknown): unknown {
  if (typeof document !== "object" || document === null) return document;
  return Object.fromEntries(Object.entries(document).filter(([name]) => name !== "$schema"));
}

function requireRemovable(remove: readonly string[], files: ReadonlySet<string>, inForce: ReadonlySet<string>): void {
  const problems = remove.flatMap((table): SettingsProblem[] => {
    const setting = `--remove ${table}`;
    if (files.has(table))
      return [{ setting, problem: "has a file", fix: "remove the file first, or leave the option out" }];
    if (!inForce.has(table)) return [{ setting, problem: "is not in force", fix: "leave it out" }];
    return [];
  });
  if (problems.length > 0) throw new SettingsError(problems);
}
