// What is in force, as files; and files as they are put in force. Neither changes anything in an environment.

import { relative } from "node:path";
import { SettingsError, type SettingsProblem } from "../../shared/errors.js";
import type { Current } from "./app.js";
import type { Environment } from "./environments.js";
import { contentHash, type DocumentFile, readDocuments, readSeen, saveSeen, writeDocument } from "./folder.js";
import { mergeDocument } from "./merge.js";
import { restorePlaceholders } from "./placeholders.js";
import { makePlan, resolveFiles, type Target, withoutSchema } from "./plan.js";
import { exitCodes, type Workplace } from "./workplace.js";

/**
 * Writes what is in force into files. Where a file says the same it stays as its author wrote it, value by value: in its order, with what it leaves out, and
 * with its placeholders. SettingsError: a file was edited since it was last pulled or published, and the edit would be lost.
 */
export async function pull({ folder, schema, say }: Workplace, target: Target, overwrite: boolean): Promise<number> {
  const { name } = target.environment;
  const files = readDocuments(folder);
  const { current, merged } = await merge(target, files);
  const written = current.tables.flatMap((table) => {
    const local = files.find((one) => one.table === table);
    const content = merged.get(table);
    return local && contentHash(local.document) === contentHash(content) ? [] : [{ table, content, local }];
  });
  const seen = readSeen(folder, name);
  const edited = written.flatMap(({ table, local }) =>
    local && seen?.files[table] !== contentHash(local.document) ? [local] : [],
  );
  if (edited.length > 0 && !overwrite) {
    const problem = `differs from version ${current.version} and was edited here`;
    const fix = "look at it with plan, then keep it, or give --overwrite";
    throw new SettingsError(edited.map(({ file }): SettingsProblem => ({ setting: file, problem, fix })));
  }
  const schemaHere = schema && relative(folder, schema).replaceAll("\\", "/");
  for (const { table, content, local } of written) {
    say(`wrote ${writeDocument(folder, table, content, schemaHere, local?.file)}`);
  }
  for (const { table, file } of files) {
    if (!current.tables.includes(table)) say(`${file}: ${table} is not in force in ${name}`);
  }
  saveSeen(folder, name, current.version, readDocuments(folder));
  say(`${name}: version ${current.version}, ${current.tables.length} tables, ${written.length} files written`);
  return exitCodes.same;
}

/** Writes the files into another folder with the environment's values put in, for commands that take a mapping's file. */
export function render({ folder, schema, say }: Workplace, environment: Environment, to: string): number {
  const schemaThere = schema && relative(to, schema).replaceAll("\\", "/");
  for (const { table, document } of resolveFiles(environment, readDocuments(folder))) {
    say(`wrote ${writeDocument(to, table, withoutSchema(document), schemaThere)}`);
  }
  return exitCodes.same;
}

/** What is in force, by table, in the words of the files as far as they say the same. */
async function merge(
  target: Target,
  files: readonly DocumentFile[],
): Promise<{ current: Current; merged: ReadonlyMap<string, unknown> }> {
  const compared = await compare(target, files);
  const current = compared?.current ?? (await target.app.current());
  const merged = current.documents.map((document, index) => {
    const table = current.tables[index] ?? "";
    const local = files.find((one) => one.table === table)?.document;
    const differences = compared?.outcome.differences.filter((one) => one.table === table);
    const content =
      local !== undefined && differences
        ? mergeDocument(document, local, differences)
        : restorePlaceholders(document, local, target.environment.values);
    return [table, content] as const;
  });
  return { current, merged: new Map(merged) };
}

/** Undefined: there are no files, or they cannot be published, so that the app cannot say where they differ. */
async function compare(target: Target, files: readonly DocumentFile[]) {
  if (files.length === 0) return undefined;
  try {
    const plan = await makePlan(target, files, []);
    return plan.outcome.problems.length === 0 ? plan : undefined;
  } catch (error) {
    if (error instanceof SettingsError) return undefined;
    throw error;
  }
}
