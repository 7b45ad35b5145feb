// E-mail events from files that a workflow of Campaign extracts to an SFTP account (facts/campaign.md §8.3 "Alternative"): the other EventSource.
// Every file that lies in the folder is still to be read, whatever its time; it leaves the folder when its events are acknowledged, never before.

import { z } from "zod";
import { MalformedError, MissingError, RefusedError, TableError } from "../errors.js";
import type { EventPage, EventSource, Skipped } from "../flows/egress-ports.js";
import { parseJson } from "../http/json.js";
import type { Clock } from "../model/clock.js";
import type { EmailEvent } from "../model/email-event.js";
import { longestRecord, readCsvRecords, separatorOf } from "../sftp/csv-records.js";
import type { RemoteFile, SftpSession } from "../sftp/sftp-session.js";
import { type EventFields, readEventRow } from "./event-row.js";

/** Where the files are. `open` logs in; `name` says which files of the folder are ours. */
export interface EventFilesOptions {
  open: () => Promise<SftpSession>;
  folder: string;
  name: RegExp;
  fields: EventFields;
  clock: Clock;
}

/** The port; `close` ends a login that is open. */
export interface FileEventSource extends EventSource {
  acknowledge(receipt: string): Promise<void>;
  close(): void;
}

/** Names of the folders, beside the files, for those that were read and those that are no files of events. */
export const doneFolder = "done";
/** See `doneFolder`. */
export const rejectedFolder = "rejected";

/**
 * A file is whole when for so long nobody saw it grow, or when its last change is so long ago that no two clocks differ by more. An empty one may
 * be one that was only just opened.
 */
const settledMs = 120_000;
const surelySettledMs = 15 * 60_000;
/** What is read at once: more than the longest record, so that every piece holds one. */
const pieceBytes = 2 * longestRecord;
/** Column of the row's change: a file's rows change with the file. No header can be called so. */
const changed = "\n";

/** A position in one file as it was; `isRejected`: it is no file of events. */
const positionSchema = z.object({
  name: z.string(),
  size: z.number(),
  changedAtMs: z.number(),
  offset: z.number(),
  isDone: z.boolean(),
  isRejected: z.boolean(),
});
type Position = z.infer<typeof positionSchema>;
type KnownFile = Pick<Position, "name" | "size" | "changedAtMs">;

/** Reads files, oldest first, one page after the other; `since` does not matter. Files that are still growing wait for a later run. */
export function makeEventFiles(options: EventFilesOptions): FileEventSource {
  const { folder, clock } = options;
  const pathOf = (name: string): string => `${folder}/${name}`;
  /** When each file was first seen as it is now. */
  let seen = new Map<string, { file: KnownFile; sinceMs: number }>();
  /** How far files have been read for good, so that the next run does not begin anew. Only a shortcut: lost with the process. */
  const reached = new Map<string, Position>();
  let session: SftpSession | undefined;
  let known: { file: KnownFile; header: Header } | undefined;

  const use = async <T>(work: (session: SftpSession) => Promise<T>): Promise<T> => {
    if (!session?.isOpen) session = await options.open();
    return work(session);
  };
  const close = (): void => {
    session?.close();
    session = undefined;
  };

  const wholeFiles = async (open: SftpSession): Promise<RemoteFile[]> => {
    const now = clock.now();
    const listed = await open.list(folder).catch((error: unknown) => {
      if (!(error instanceof MissingError)) throw error;
      throw problem("folder-missing", `the SFTP account has no folder ${folder}`);
    });
    const ours = listed.filter(({ name }) => options.name.test(name));
    seen = new Map(
      ours.map((file) => {
        const before = seen.get(file.name);
        return [file.name, before && isSame(before.file, file) ? before : { file, sinceMs: now }];
      }),
    );
    for (const name of reached.keys()) if (!seen.has(name)) reached.delete(name);
    const isWhole = ({ name, size, changedAtMs }: RemoteFile): boolean =>
      (size > 0 && now - (seen.get(name)?.sinceMs ?? now) >= settledMs) || now - changedAtMs >= surelySettledMs;
    return ours.filter(isWhole).sort(byAge);
  };

  const headerOf = async (open: SftpSession, file: KnownFile): Promise<Header> => {
    if (known && isSame(known.file, file)) return known.header;
    const header = await readHeader(open, pathOf(file.name), file.size, options.fields);
    if (header.isWhole) known = { file, header };
    return header;
  };

  const readPage = async (open: SftpSession, file: KnownFile, offset: number, size: number): Promise<EventPage> => {
    const { name, changedAtMs } = file;
    const header = await headerOf(open, file);
    const from = Math.max(offset, header.end);
    const bytes = await open.read(pathOf(name), from, pieceBytes);
    const isLast = from + bytes.length >= file.size;
    const { records, consumed } = readCsvRecords(bytes, header, size, isLast);
    const isDone = from + consumed >= file.size;
    // Whoever writes may have started again while we read; then its rows come again, in a later run.
    const isCut = !header.isWhole || (!isLast && bytes.length < pieceBytes);
    const now = isDone ? await open.stat(pathOf(name)).catch(onlyIfMissing) : file;
    const isAsBefore = !isCut && now !== undefined && isSame(file, { ...now, name });
    if (!isAsBefore) seen.delete(name);
    const here: Position = {
      name,
      size: file.size,
      changedAtMs,
      offset: from + consumed,
      isDone: isDone || !isAsBefore,
      isRejected: !header.isKnown,
    };
    const text = JSON.stringify(here);
    return { ...toPage(options.fields, header, file, records), next: text, ...(isAsBefore && { receipt: text }) };
  };

  return {
    async readEvents(_since, cursor, size) {
      return use(async (open) => {
        const position = cursor === undefined ? undefined : parsePosition(cursor);
        const files = await wholeFiles(open);
        const isOpen = position?.isDone === false;
        const file = isOpen ? files.find((other) => isSame(other, position)) : next(files, position);
        if (file) return readPage(open, file, isOpen ? position.offset : startOf(reached.get(file.name), file), size);
        close();
        return { events: [], skipped: {} };
      });
    },

    // Files are gone once they are read: nothing is purged before.
    oldestChange: async () => undefined,

    async acknowledge(receipt) {
      const position = parsePosition(receipt);
      const { name, isDone, isRejected } = position;
      if (!isDone) {
        reached.set(name, position);
        return;
      }
      await use(async (open) => {
        const now = await open.stat(pathOf(name)).catch(onlyIfMissing);
        // Moved already, or somebody put another one in its place.
        if (!now || !isSame(position, { name, ...now })) return;
        await putAway(open, folder, name, isRejected ? rejectedFolder : doneFolder);
        reached.delete(name);
      });
    },

    close,
  };
}

function parsePosition(text: string): Position {
  const parsed = positionSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new MalformedError("this is no position in the files of events");
  return parsed.data;
}

function problem(code: string, said: string): TableError {
  return new TableError(`${said}: egress by files (docs/campaign-setup.md)`, code, { system: "sftp" });
}

function isSame(one: KnownFile, other: KnownFile): boolean {
  return one.name === other.name && one.size === other.size && one.changedAtMs === other.changedAtMs;
}

/** Oldest change first; of files of one second, by name. */
function byAge(one: KnownFile, other: KnownFile): number {
  if (one.name === other.name) return one.changedAtMs - other.changedAtMs;
  return one.changedAtMs - other.changedAtMs || (one.name < other.name ? -1 : 1);
}

/** The first file after the one at `position`, which may have left the folder. */
function next(files: readonly RemoteFile[], position: Position | undefined): RemoteFile | undefined {
  return files.find((file) => position === undefined || byAge(file, position) > 0);
}

function startOf(reached: Position | undefined, file: KnownFile): number {
  return reached && isSame(reached, file) ? reached.offset : 0;
}

interface Header {
  names: readonly string[];
  separator: string;
  columns: number;
  /** Bytes of the header's line. */
  end: number;
  /** Has it the columns without which no row is an event? */
  isKnown: boolean;
  /** Was as much of the file there as its size says? */
  isWhole: boolean;
}

async function readHeader(open: SftpSession, path: string, size: number, fields: EventFields): Promise<Header> {
  const bytes = await open.read(path, 0, longestRecord);
  const firstLine = bytes.indexOf("\n");
  const separator = separatorOf(bytes.toString("utf8", 0, firstLine === -1 ? bytes.length : firstLine));
  const { records, consumed } = readCsvRecords(bytes, { separator }, 1, true);
  // Campaign may begin a file with a byte order mark.
  const names = (records[0] ?? []).map((name) => name.replace(/^\uFEFF/, "").trim());
  const needed = [fields.id, fields.type, fields.at, fields.contactKey];
  const isKnown = needed.every((name) => names.includes(name));
  return {
    names,
    separator,
    columns: names.length,
    end: consumed,
    isKnown,
    isWhole: bytes.length >= Math.min(size, longestRecord),
  };
}

function toPage(
  fields: EventFields,
  { names, columns, isKnown }: Header,
  { changedAtMs }: KnownFile,
  records: readonly (readonly string[])[],
): EventPage {
  const events: EmailEvent[] = [];
  const skipped: Skipped = {};
  const skip = (reason: keyof Skipped): void => {
    skipped[reason] = (skipped[reason] ?? 0) + 1;
  };
  const changedAt = new Date(changedAtMs).toISOString();
  // Times without zone are in the workflow's, which the guide sets to UTC.
  const settings = { fields, changed, zoneless: true };
  for (const record of records) {
    if (record.length === 0) continue;
    if (!isKnown || record.length !== columns) {
      skip("malformed");
      continue;
    }
    const row = Object.fromEntries(names.map((name, index) => [name, record[index]]));
    const read = readEventRow(settings, { ...row, [changed]: changedAt });
    if ("event" in read) events.push(read.event);
    else skip(read.skipped);
  }
  return { events, skipped };
}

function onlyIfMissing(error: unknown): undefined {
  if (!(error instanceof MissingError)) throw error;
}

/** Moves a file aside under its own name, or under one that is free: a file of the same name may have come before. */
async function putAway(open: SftpSession, folder: string, name: string, into: string): Promise<void> {
  await open.ensureFolder(`${folder}/${into}`);
  for (let copy = 1; ; copy += 1) {
    const target = `${folder}/${into}/${name}${copy === 1 ? "" : `.${copy}`}`;
    try {
      await open.rename(`${folder}/${name}`, target);
      return;
    } catch (error) {
      const isTaken = error instanceof RefusedError && error.code === "failure";
      // Somebody else moved it.
      if (error instanceof MissingError) return;
      if (!isTaken || copy >= 100) throw error;
    }
  }
}
