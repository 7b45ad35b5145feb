// Putting table mappings in force (design.md §6): publish and roll back. Checking the documents is prepare-settings.ts, ordering the replays that
// a publication owes finish-publication.ts, storing storage/settings-versions.ts.

import { ConflictError, MissingError, SyncError } from "../errors.js";
import { resourceWarnings } from "../mapping/against-resource.js";
import { type CompiledMapping, compileMapping } from "../mapping/compile.js";
import { compileText } from "../mapping/compile-text.js";
import { type Difference, differencesOf } from "../mapping/differences.js";
import { documentText } from "../mapping/document-text.js";
import type { MappingProblem } from "../mapping/problem.js";
import type { TableMapping } from "../mapping/table-mapping.js";
import { examineMapping } from "../mapping/validate.js";
import type { InForce, SettingsVersion } from "../storage/settings-versions.js";
import { finishPublication } from "./finish-publication.js";
import type { SettingsPorts } from "./ports.js";
import { prepareSettings } from "./prepare-settings.js";

/** Who publishes, and how. */
export interface PublishOptions {
  /** Id of who publishes; never a name or an address. */
  by: string;
  note?: string | undefined;
  /** The version the publisher has seen in force; another one in force is a ConflictError. */
  basedOn?: number | undefined;
  /** False: records change as their rows change, and not before. */
  replay?: boolean | undefined;
  /** Says all that publishing would say, and publishes nothing. */
  check?: boolean | undefined;
}

/** All mappings that are to be in force together. `language`: LCID of the labels, 1033 unless said. */
export interface PublishRequest extends PublishOptions {
  documents: readonly unknown[];
  language?: number | undefined;
}

/** How a table differs from the version in force before. */
export interface TableChange {
  table: string;
  change: "new" | "changed" | "removed";
}

/**
 * What came of it. `version` is the one in force afterwards. `refused`: for the problems. `unchanged`: these very documents are in force already.
 * `owed`: tables whose replay could not be ordered yet; the next sweep does.
 */
export interface PublishResult {
  outcome: "published" | "unchanged" | "checked" | "refused";
  version: number;
  problems: readonly MappingProblem[];
  warnings: readonly MappingProblem[];
  changes: readonly TableChange[];
  /** Every value that differs from the documents in force, whether records change by it or not. */
  differences: readonly (Difference & { table: string })[];
  replays: { ordered: readonly string[]; owed: readonly string[] };
}

/** Language of the labels unless said: English (United States). */
const usualLanguage = 1033;
/** An entity holds 1 MiB, two bytes a character. */
const longestDocument = 500_000;

/**
 * Publishes the documents as a new version and orders a replay of every table whose records may differ by it. Twice the same is published once.
 * Killed anywhere, either the old version is in force or the new one is; called again, it finishes. ConflictError: somebody else published
 * meanwhile, or already. Other errors are those of the metadata and the store; nothing is published then.
 */
export async function publishSettings(ports: SettingsPorts, request: PublishRequest): Promise<PublishResult> {
  const { documents, language = usualLanguage, by, note = "", basedOn, replay = true, check = false } = request;
  const from = await ports.versions.inForce();
  requireBase(basedOn, from);
  const before = await readVersion(ports, from.version);
  const prepared = await prepareSettings(ports.metadata, documents, { language, tracking: true });
  const texts = prepared.mappings.map((mapping) => ({ table: mapping.table.name, text: documentText(mapping) }));
  const problems = [...requestProblems(request, language), ...prepared.problems, ...sizeProblems(texts)];
  const ofCampaign = problems.length === 0 ? await campaignWarnings(ports, prepared.mappings) : [];
  const comparison = compare(before, prepared.mappings);
  const result: PublishResult = {
    outcome: "refused",
    version: from.version,
    problems,
    warnings: [...prepared.warnings, ...ofCampaign, ...(problems.length === 0 ? comparison.warnings : [])],
    changes: problems.length === 0 ? comparison.changes : [],
    differences: problems.length === 0 ? differences(before, texts) : [],
    replays: { ordered: [], owed: from.replays },
  };
  if (problems.length > 0) return result;
  if (check) return { ...result, outcome: "checked" };
  if (isSame(before, texts, language)) {
    return { ...result, outcome: "unchanged", replays: await tryToFinish(ports, from.replays) };
  }
  const replays = replaysOwed(from, texts, replay ? comparison.changes : []);
  const publishedAt = new Date(ports.clock.now()).toISOString();
  const version = await ports.versions.publish({ documents: texts, language, publishedAt, by, note, replays }, from);
  return { ...result, outcome: "published", version, replays: await tryToFinish(ports, replays) };
}

/** Publishes the documents of an older version anew, as the next version. MissingError: there is no such version. Else as `publishSettings`. */
export async function rollBack(
  ports: SettingsPorts,
  { version, ...options }: PublishOptions & { version: number },
): Promise<PublishResult> {
  const { texts, language } = await readVersion(ports, version);
  const documents = texts.map((text): unknown => JSON.parse(text));
  return publishSettings(ports, { note: `rolled back to version ${version}`, ...options, documents, language });
}

async function readVersion({ versions }: SettingsPorts, version: number): Promise<SettingsVersion> {
  const settings = await versions.read(version);
  if (settings) return settings;
  throw new MissingError(`there is no version ${version} of the settings`, { version });
}

function requireBase(basedOn: number | undefined, { version }: InForce): void {
  if (basedOn === undefined || basedOn === version) return;
  throw new ConflictError(`version ${version} of the settings is in force, not ${basedOn}: look at it first`, {
    version,
  });
}

function requestProblems({ documents, by, note = "" }: PublishRequest, language: number): MappingProblem[] {
  const problems: MappingProblem[] = [];
  if (documents.length === 0) {
    const fix = "give all mappings that are to be in force together";
    problems.push({ path: "documents", problem: "there is none", fix });
  }
  if (!/^[\w.:-]{1,100}$/.test(by)) {
    problems.push({ path: "by", problem: "is no id", fix: "give an id of letters, digits and . : - without blanks" });
  }
  if (note.length > 1_000)
    problems.push({ path: "note", problem: "is too long", fix: "write at most 1,000 characters" });
  if (note.includes("@")) {
    problems.push({ path: "note", problem: "holds an address", fix: "write no names or addresses: notes are kept" });
  }
  if (!Number.isInteger(language) || language < 1 || language > 0xffff) {
    problems.push({ path: "language", problem: "is no language code", fix: "give an LCID, such as 1033 for English" });
  }
  return problems;
}

function sizeProblems(documents: readonly { text: string }[]): MappingProblem[] {
  return documents.flatMap(({ text }, index) => {
    if (text.length <= longestDocument) return [];
    const problem = `has ${text.length} characters with its options filled in; ${longestDocument} fit`;
    return [{ path: `[${index}]`, problem, fix: "map fewer columns with many options" }];
  });
}

/** Campaign's word counts for little here and never keeps a publication from taking effect: neither does its being away. */
async function campaignWarnings(
  { resources }: SettingsPorts,
  mappings: readonly TableMapping[],
): Promise<MappingProblem[]> {
  const warnings: MappingProblem[] = [];
  for (const [index, mapping] of mappings.entries()) {
    try {
      const found = resources ? resourceWarnings(mapping, await resources.fields(mapping.resource)) : [];
      warnings.push(...found.map((warning) => ({ ...warning, path: `[${index}].${warning.path}` })));
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
      const fix = "check again when it answers, if you want it checked";
      return [...warnings, { path: "", problem: `not checked against Campaign: ${error.message}`, fix }];
    }
  }
  return warnings;
}

/** What differs in effect, and where Dynamics still posts what the mappings before wanted to read. */
function compare(
  before: SettingsVersion,
  mappings: readonly TableMapping[],
): { changes: TableChange[]; warnings: MappingProblem[] } {
  const old = new Map(before.documents.map(({ table }, index) => [table, compiledOf(String(before.texts[index]))]));
  const changes: TableChange[] = [];
  const warnings: MappingProblem[] = [];
  for (const [index, mapping] of mappings.entries()) {
    const table = mapping.table.name;
    const compiled = compileMapping(mapping);
    const was = old.get(table);
    if (!old.has(table)) changes.push({ table, change: "new" });
    else if (was?.hash !== compiled.hash) changes.push({ table, change: "changed" });
    if (was?.columnSet !== compiled.columnSet) {
      warnings.push({
        path: `[${index}].columns`,
        problem: `notices of ${table} do not carry these columns unless they are registered: every change costs a read, or waits for the sweep`,
        fix: "run npm run dataverse:apply with --mappings and these documents",
      });
    }
  }
  const tables = new Set(mappings.map(({ table }) => table.name));
  for (const table of old.keys()) if (!tables.has(table)) changes.push({ table, change: "removed" });
  return { changes, warnings };
}

/** Of tables that both have; all of one that only one has would be too much to look at. */
function differences(
  before: SettingsVersion,
  texts: readonly { table: string; text: string }[],
): PublishResult["differences"] {
  const old = new Map(before.documents.map(({ table }, index) => [table, String(before.texts[index])]));
  return texts.flatMap(({ table, text }) => {
    const was = old.get(table);
    if (was === undefined) return [];
    // What ships with the app is kept as it was written, without what documents may leave out.
    const { mapping = JSON.parse(was) as { columns?: unknown } } = examineMapping(JSON.parse(was));
    return differencesOf(withColumnTypes(mapping), withColumnTypes(JSON.parse(text)))
      .filter(({ path, from }) => from !== undefined || !/^columns\.\w+\.\w/.test(path))
      .map((one) => ({ table, ...one }));
  });
}

/** Columns in their long form: a length or labels that were left out and filled in since are no difference. */
function withColumnTypes(document: { columns?: unknown }): unknown {
  const columns = Object.entries(document.columns ?? {});
  const long = columns.map(([name, column]) => [name, typeof column === "string" ? { type: column } : column]);
  return { ...document, columns: Object.fromEntries(long) };
}

/** Undefined: not to be understood any more, so that anything is a change. */
function compiledOf(text: string): CompiledMapping | undefined {
  const compiled = compileText(text);
  return "mapping" in compiled ? compiled.mapping : undefined;
}

function isSame(
  before: SettingsVersion,
  documents: readonly { table: string; text: string }[],
  language: number,
): boolean {
  const texts = new Set(before.texts);
  return (
    before.language === language &&
    before.texts.length === documents.length &&
    documents.every(({ text }) => texts.has(text))
  );
}

/** What is owed already stays owed, unless nobody maps the table any more. */
function replaysOwed(
  from: InForce,
  documents: readonly { table: string }[],
  changes: readonly TableChange[],
): readonly string[] {
  const owed = new Set([...from.replays, ...changes.map(({ table }) => table)]);
  return documents.map(({ table }) => table).filter((table) => owed.has(table));
}

/** The publication holds whatever becomes of the replays; the sweep orders what could not be ordered now. */
async function tryToFinish(ports: SettingsPorts, owed: readonly string[]): Promise<PublishResult["replays"]> {
  if (owed.length === 0) return { ordered: [], owed };
  try {
    return { ordered: await finishPublication(ports), owed: [] };
  } catch (error) {
    if (error instanceof SyncError) return { ordered: [], owed };
    throw error;
  }
}
