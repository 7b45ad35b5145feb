// Files that a workflow of Campaign leaves in a folder of an SFTP account, line by line (facts/campaign.md §8.3 "Alternative", §9): which are whole, what has been
// read, where files go. What a line means is event-files.ts and opt-out-files.ts. A file leaves the folder when it is acknowledged, never before.

import { z } from "zod";
import { MalformedError, MissingError, RefusedError, TableError } from "../errors.js";
import { parseJson } from "../http/json.js";
import type { Clock } from "../model/clock.js";
import { longestRecord, readCsvRecords, separatorOf } from "../sftp/csv-records.js";
import type { RemoteFile, SftpSession } from "../sftp/sftp-session.js";

/** Where the files are. `open` logs in; `name` says which files of the folder are ours. */
export interface FileFolderOptions {
  open: () => Promise<SftpSession>;
  folder: string;
  name: RegExp;
  /** A file is whole when for so long nobody saw it grow. */
  settledMs: number;
  clock: Clock;
}

/** What the files hold. `columns`: those without which a file is rejected; `line`: what a line of them is; `setting` names the folder. */
export interface FileContent {
  columns: readonly string[];
  line: string;
  setting: string;
}

/** One line. `place` says which one it is: many may read alike. Without `row` it cannot be read. */
export interface FileLine {
  place: string;
  row?: Readonly<Record<string, string | undefined>>;
}

/** One page of lines of one file, which last changed at `changedAt` (ISO). Without `next` there was none. */
export interface FilePage {
  lines: readonly FileLine[];
  changedAt: string;
  next?: string;
  receipt?: string;
  /** The file is not one of ours, and is put aside: which and why, safe to log. */
  rejected?: string;
}

/** The files, oldest first. Throws as SftpSession does; TableError: the folder is not there, or the account may not. */
export interface FileFolder {
  /** The next page; `cursor` is a page's `next`. Undefined: nothing is left to read. Files that are still growing wait for a later run. */
  read(cursor: string | undefined, size: number): Promise<FilePage | undefined>;
  /** What the page with this receipt held is kept for good: the file need not stay. Saying it twice is saying it once. */
  acknowledge(receipt: string): Promise<void>;
  /** Names of the files that were put aside as none of ours and still lie there. Logs in by itself, so that it may be asked while files are read. */
  rejected(): Promise<readonly string[]>;
  /** Ends a login that is open. */
  close(): void;
}

/** Names of the folders, beside the files, for those that were read and those that are none of ours. */
export const doneFolder = "done";
/** See `doneFolder`. */
export const rejectedFolder = "rejected";

/** A file is whole, too, when its last change is so long ago that no two clocks differ by more. An empty one may only just have been opened. */
const surelySettledMs = 15 * 60_000;
/** What is read at once: more than the longest record, so that every piece holds one. */
const pieceBytes = 2 * longestRecord;
/** A position in one file as it was; `isRejected`: it is none of ours. */
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

/** Reads the folder. */
export function makeFileFolder(options: FileFolderOptions, content: FileContent): FileFolder {
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
    return work(session).catch((error: unknown) => {
      throw toTableError(error, content);
    });
  };
  const close = (): void => {
    session?.close();
    session = undefined;
  };

  const wholeFiles = async (open: SftpSession): Promise<RemoteFile[]> => {
    const now = clock.now();
    const listed = await open.list(folder);
    const ours = listed.filter(({ name }) => options.name.test(name));
    seen = new Map(
      ours.map((file) => {
        const before = seen.get(file.name);
        return [file.name, before && isSame(before.file, file) ? before : { file, sinceMs: now }];
      }),
    );
    for (const name of reached.keys()) if (!seen.has(name)) reached.delete(name);
    const isWhole = ({ name, size, changedAtMs }: RemoteFile): boolean =>
      (size > 0 && now - (seen.get(name)?.sinceMs ?? now) >= options.settledMs) ||
      now - changedAtMs >= Math.max(surelySettledMs, options.settledMs);
    return ours.filter(isWhole).sort(byAge);
  };

  const headerOf = async (open: SftpSession, file: KnownFile): Promise<Header> => {
    if (known && isSame(known.file, file)) return known.header;
    const header = await readHeader(open, pathOf(file.name), file.size, content.columns);
    if (header.isWhole) known = { file, header };
    return header;
  };

  const readPage = async (open: SftpSession, file: KnownFile, offset: number, size: number): Promise<FilePage> => {
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
      isRejected: header.missing.length > 0,
    };
    const text = JSON.stringify(here);
    const goes = isAsBefore && isDone && here.isRejected && { rejected: whyRejected(pathOf(name), header, content) };
    return {
      lines: toLines(header, file, from, records),
      changedAt: new Date(changedAtMs).toISOString(),
      next: text,
      ...(isAsBefore && { receipt: text }),
      ...goes,
    };
  };

  return {
    async read(cursor, size) {
      return use(async (open) => {
        const position = cursor === undefined ? undefined : parsePosition(cursor);
        const files = await wholeFiles(open);
        const isOpen = position?.isDone === false;
        const file = isOpen ? files.find((other) => isSame(other, position)) : next(files, position);
        if (file) return readPage(open, file, isOpen ? position.offset : startOf(reached.get(file.name), file), size);
        close();
        return undefined;
      });
    },

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

    async rejected() {
      const own = await options.open();
      try {
        return (await own.list(pathOf(rejectedFolder))).map(({ name }) => name).sort();
      } catch (error) {
        if (error instanceof MissingError) return [];
        throw toTableError(error, content);
      } finally {
        own.close();
      }
    },

    close,
  };
}

function parsePosition(text: string): Position {
  const parsed = positionSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new MalformedError("this is no position in the files of a folder");
  return parsed.data;
}

/** What the server has not, or does not allow, is for an operator; what is wrong with the server passes. */
function toTableError(error: unknown, { setting }: FileContent): unknown {
  const mend = `${setting} names the folder, docs/campaign-setup.md says what the account needs there`;
  const isOurs = error instanceof MissingError || error instanceof RefusedError;
  if (!isOurs) return error;
  const code = error instanceof MissingError ? "folder-missing" : error.code;
  return new TableError(`${error.message}: ${mend}`, code, error.context);
}

function whyRejected(path: string, { missing }: Header, { line }: FileContent): string {
  return `${path} has no column ${missing.join(", ")} in its first line, so that none of its lines is ${line}; it goes to ${rejectedFolder}`;
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
  /** Columns that it has not, and without which no line says anything. */
  missing: readonly string[];
  /** Was as much of the file there as its size says? */
  isWhole: boolean;
}

async function readHeader(open: SftpSession, path: string, size: number, columns: readonly string[]): Promise<Header> {
  const bytes = await open.read(path, 0, longestRecord);
  const firstLine = bytes.indexOf("\n");
  const separator = separatorOf(bytes.toString("utf8", 0, firstLine === -1 ? bytes.length : firstLine));
  const { records, consumed } = readCsvRecords(bytes, { separator }, 1, true);
  // Campaign may begin a file with a byte order mark.
  const names = (records[0] ?? []).map((name) => name.replace(/^\uFEFF/, "").trim());
  const missing = columns.filter((name) => !names.includes(name));
  return {
    names,
    separator,
    columns: names.length,
    end: consumed,
    missing,
    isWhole: bytes.length >= Math.min(size, longestRecord),
  };
}

function toLines(
  { names, columns, missing }: Header,
  { name, changedAtMs }: KnownFile,
  from: number,
  records: readonly (readonly string[])[],
): FileLine[] {
  return records.flatMap((record, index) => {
    if (record.length === 0) return [];
    const place = `${name}:${changedAtMs}:${from}:${index}`;
    if (missing.length > 0 || record.length !== columns) return [{ place }];
    return [{ place, row: Object.fromEntries(names.map((column, at) => [column, record[at]])) }];
  });
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
