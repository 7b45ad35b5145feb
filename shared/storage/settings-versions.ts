// Published settings, version by version (design.md §7, table `settings`): documents by the hash of their text, a manifest for each version that
// names its documents, and one pointer to the version in force. What may be published is flows/publish-settings.ts.

import { createHash } from "node:crypto";
import { z } from "zod";
import { ConflictError, UnavailableError } from "../errors.js";
import type { EntityTable } from "./entity-table.js";
import { joinText, splitText } from "./long-text.js";

/** What is known of a version without its documents. */
export interface PublishedVersion {
  version: number;
  /** The version that was in force when this one was made: following these leads through all that ever were. */
  previous: number;
  /** LCID of the labels in its documents. */
  language: number;
  publishedAt: string;
  /** Id of who published, never a name. */
  by: string;
  note: string;
  /** Mapped tables, in the order of their documents, each with the hash of its document's text. */
  documents: readonly { table: string; hash: string }[];
}

/** A version with its documents' texts (JSON), in the order in which they were published. */
export interface SettingsVersion extends PublishedVersion {
  texts: readonly string[];
}

/** The pointer. `replays`: tables whose replay this or an earlier publication still owes. */
export interface InForce {
  version: number;
  replays: readonly string[];
  /** Undefined while nothing was ever published, so that what ships with the app is in force. */
  etag: string | undefined;
}

/** What is to become the next version; texts are JSON in ASCII (mapping/document-text.ts). */
export interface NextSettings extends Pick<PublishedVersion, "language" | "publishedAt" | "by" | "note"> {
  documents: readonly { table: string; text: string }[];
  replays: readonly string[];
}

/** Settings by version. Every method throws UnavailableError when the store cannot be reached, or holds what this app cannot read. */
export interface SettingsVersions {
  /** Which version is in force; one read. */
  inForce(): Promise<InForce>;
  /** Undefined: there is no such version. */
  read(version: number): Promise<SettingsVersion | undefined>;
  /** All versions, newest first. One that no `previous` leads to from the version in force never took effect. */
  history(): Promise<readonly PublishedVersion[]>;
  /**
   * Makes a version and puts it in force, provided `from` still is; answers its number. Killed at any line, `from` stays in force or the new
   * version is. ConflictError: somebody else published meanwhile. RefusedError: a document is larger than an entity may be.
   */
  publish(next: NextSettings, from: InForce): Promise<number>;
  /** The replays of these tables are ordered. ConflictError: somebody published meanwhile; they stay owed there. */
  replaysOrdered(tables: readonly string[], from: InForce): Promise<void>;
}

const pointerKey = ["in-force", "main"] as const;
const manifests = "version";
const pointerSchema = z.object({ version: z.number().int().min(2), replays: z.string() });
const manifestSchema = z.object({
  version: z.number().int().min(2),
  previous: z.number().int().min(1),
  language: z.number().int(),
  publishedAt: z.iso.datetime(),
  by: z.string(),
  note: z.string(),
});
const namesSchema = z.array(z.string());
const documentsSchema = z.array(z.object({ table: z.string(), hash: z.string() }));

/** Settings over an entity table. `shipped` is version 1: what holds while nothing was published. */
export function makeSettingsVersions(table: EntityTable, shipped: SettingsVersion): SettingsVersions {
  const readText = async ({ table: name, hash }: { table: string; hash: string }): Promise<string> => {
    const entity = await table.get(documentsOf(name), hash);
    const text = entity && joinText("text", entity.values);
    if (text === undefined || hashOf(text) !== hash) throw damaged(`the document of ${name}`);
    return text;
  };

  return {
    async inForce() {
      const entity = await table.get(...pointerKey);
      if (!entity) return { version: shipped.version, replays: [], etag: undefined };
      const values = parse(pointerSchema, entity.values, "the pointer");
      const replays = parseJson(namesSchema, joinText("replays", entity.values), "the pointer");
      return { version: values.version, replays, etag: entity.etag };
    },

    async read(version) {
      if (version === shipped.version) return shipped;
      const entity = await table.get(manifests, rowOf(version));
      if (!entity) return undefined;
      const manifest = toManifest(entity.values);
      return { ...manifest, texts: await Promise.all(manifest.documents.map(readText)) };
    },

    async history() {
      const found: PublishedVersion[] = [];
      for await (const entity of table.list(manifests)) found.push(toManifest(entity.values));
      const { texts: _texts, ...first } = shipped;
      return [...found.reverse(), first];
    },

    async publish({ documents, replays, ...about }, from) {
      const version = await firstFree(table, from.version + 1);
      const named = documents.map(({ table: name, text }) => ({ table: name, hash: hashOf(text), text }));
      for (const { table: name, hash, text } of named) await insertOnce(table, documentsOf(name), hash, text);
      await table.insert(manifests, rowOf(version), {
        ...about,
        version,
        previous: from.version,
        ...splitText("documents", JSON.stringify(named.map(({ table: name, hash }) => ({ table: name, hash })))),
      });
      await movePointer(table, version, replays, from.etag);
      return version;
    },

    async replaysOrdered(tables, { version, replays, etag }) {
      const owed = replays.filter((name) => !tables.includes(name));
      if (etag !== undefined && owed.length < replays.length) await movePointer(table, version, owed, etag);
    },
  };
}

/** A version as the store keeps it, of documents as objects; how version 1 is made of what ships with the app. */
export function shippedVersion(version: number, documents: readonly { table: { name: string } }[]): SettingsVersion {
  const named = documents.map((document) => ({ table: document.table.name, text: JSON.stringify(document) }));
  return {
    version,
    previous: version,
    language: 1033,
    publishedAt: new Date(0).toISOString(),
    by: "shipped",
    note: "what ships with the app",
    documents: named.map(({ table, text }) => ({ table, hash: hashOf(text) })),
    texts: named.map(({ text }) => text),
  };
}

/** The hash under which a document's text is kept. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A number nobody took: versions whose publisher died before they took effect keep theirs. */
async function firstFree(table: EntityTable, from: number): Promise<number> {
  for (let version = from; ; version += 1) if (!(await table.get(manifests, rowOf(version)))) return version;
}

/** What lies under its own hash is the same text: two publishers cannot mix up their documents. */
async function insertOnce(table: EntityTable, partition: string, hash: string, text: string): Promise<void> {
  try {
    await table.insert(partition, hash, splitText("text", text));
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
  }
}

async function movePointer(
  table: EntityTable,
  version: number,
  replays: readonly string[],
  etag: string | undefined,
): Promise<void> {
  const values = { version, ...splitText("replays", JSON.stringify(replays)) };
  if (etag === undefined) await table.insert(...pointerKey, values);
  else await table.replace(...pointerKey, values, etag);
}

function documentsOf(table: string): string {
  return `mapping-${table}`;
}

/** Row keys sort as text. */
function rowOf(version: number): string {
  return String(version).padStart(10, "0");
}

function toManifest(values: Parameters<typeof joinText>[1]): PublishedVersion {
  const what = `version ${String(values.version)}`;
  const documents = parseJson(documentsSchema, joinText("documents", values), what);
  return { ...parse(manifestSchema, values, what), documents };
}

function parseJson<T>(schema: z.ZodType<T>, text: string | undefined, what: string): T {
  try {
    return parse(schema, JSON.parse(text ?? ""), what);
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(what);
    throw error;
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw damaged(what);
}

/** Not a bug and not "nothing there": work waits until an operator mended it. */
function damaged(what: string): UnavailableError {
  return new UnavailableError(
    `table settings: ${what} is damaged; restore the table, or publish the settings again into an empty one`,
    false,
    { table: "settings" },
  );
}
