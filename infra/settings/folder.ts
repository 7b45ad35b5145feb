// Documents as files: one for each table, <table>.json, as its author wrote it; and beside them what was last seen of each environment.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SettingsError, type SettingsProblem } from "../../shared/errors.js";
import { readJson } from "./read-json.js";

/** A document in a file. */
export interface DocumentFile {
  file: string;
  table: string;
  document: unknown;
}

/** What was in force when it was last pulled or published from here, and the files' contents then, by table. */
export interface Seen {
  version: number;
  files: Readonly<Record<string, string>>;
}

const tableSchema = z.looseObject({ table: z.looseObject({ name: z.string().regex(/^[a-z][a-z0-9_]{0,127}$/) }) });
const seenSchema = z.object({ version: z.int().min(1), files: z.record(z.string(), z.string()) });

/** All documents of a folder, by file name. SettingsError: names each file that is none, and tables that are there twice. */
export function readDocuments(folder: string): DocumentFile[] {
  const problems: SettingsProblem[] = [];
  const found = new Map<string, DocumentFile>();
  for (const file of jsonFiles(folder)) {
    try {
      const document = readJson(file);
      const table = tableOf(file, document);
      const twin = found.get(table);
      if (twin) throw wrong(file, `is of table ${table}, and so is ${twin.file}`, "keep one of them");
      found.set(table, { file, table, document });
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return [...found.values()];
}

function jsonFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => join(folder, name));
}

function tableOf(file: string, document: unknown): string {
  const shape = tableSchema.safeParse(document);
  if (shape.success) return shape.data.table.name;
  throw wrong(file, "has no table.name", "move it out of the folder, or name its table");
}

function wrong(setting: string, problem: string, fix: string): SettingsError {
  return new SettingsError([{ setting, problem, fix }]);
}

/** Writes a document, with the schema for editors; answers its file. A file is whole or as it was. */
export function writeDocument(
  folder: string,
  table: string,
  document: unknown,
  schema: string | undefined,
  file = join(folder, `${table}.json`),
): string {
  const isObject = typeof document === "object" && document !== null;
  const content = isObject && schema !== undefined ? { $schema: schema, ...document } : document;
  mkdirSync(folder, { recursive: true });
  replaceFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
  return file;
}

/** What was last seen of an environment; undefined: nothing ever was. */
export function readSeen(folder: string, environment: string): Seen | undefined {
  const file = seenFile(folder, environment);
  if (!existsSync(file)) return undefined;
  const fix = "remove it, and pull again";
  const parsed = seenSchema.safeParse(readJson(file, fix));
  if (parsed.success) return parsed.data;
  throw wrong(file, "is not as this program writes it", fix);
}

/** Remembers the version in force there, and what the files hold. */
export function saveSeen(folder: string, environment: string, version: number, files: readonly DocumentFile[]): void {
  const hashes = files.map(({ table, document }) => [table, contentHash(document)]);
  writeSeen(folder, environment, { version, files: Object.fromEntries(hashes) });
}

/** Remembers the version in force there, and of the files what it did: none of them was published. */
export function saveSeenVersion(folder: string, environment: string, version: number): void {
  writeSeen(folder, environment, { files: {}, ...readSeen(folder, environment), version });
}

/** The same for the same content, whatever its line ends and indents. */
export function contentHash(document: unknown): string {
  return createHash("sha256").update(JSON.stringify(document)).digest("hex").slice(0, 16);
}

const seenFolder = ".seen";

function seenFile(folder: string, environment: string): string {
  return join(folder, seenFolder, `${environment}.json`);
}

function writeSeen(folder: string, environment: string, seen: Seen): void {
  mkdirSync(join(folder, seenFolder), { recursive: true });
  replaceFile(seenFile(folder, environment), `${JSON.stringify(seen, undefined, 2)}\n`);
}

function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}
