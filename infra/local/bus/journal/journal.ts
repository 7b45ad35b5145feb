// An append-only file of what happened, so that a killed broker comes back with every acknowledged message. It is written
// before an acknowledgement but not fsynced: it survives the death of the process, not of the machine.
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Recorder } from "../core/recorder.js";
import { applyRecord, dropRecord, type JournalRecord, type KeptQueue, putRecord, statusRecord } from "./records.js";

const compactAboveBytes = 16 * 1024 * 1024;
const compactAtGrowth = 3;
const snapshotChunk = 500;

/** A journal in use. */
export interface Journal {
  readonly recorder: Recorder;
  /** Says how to describe everything there is now; asked for when the file has grown too long. */
  setSnapshot(snapshot: () => Iterable<JournalRecord>): void;
  /** Starts a new file from the snapshot now. */
  compact(): void;
  close(): void;
}

const fileName = (generation: number): string => `journal-${String(generation).padStart(8, "0")}.log`;

const generationsIn = (directory: string): number[] =>
  readdirSync(directory)
    .map((name) => /^journal-(\d{8})\.log$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);

const parseLine = (line: string, path: string): JournalRecord[] => {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Error(`${path} is damaged: a line in it is not a journal record`, { cause });
  }
};

/** Reads a journal; an unfinished last line, cut short by a kill, never was acknowledged and is left out. */
const readJournal = (path: string): { kept: Map<string, KeptQueue>; wholeBytes: number } => {
  const kept = new Map<string, KeptQueue>();
  const bytes = readFileSync(path);
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    for (const record of parseLine(bytes.toString("utf8", start, end), path)) applyRecord(kept, record);
    start = end + 1;
  }
  return { kept, wholeBytes: start };
};

const writeAll = (file: number, text: string): number => {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  return bytes.length;
};

/**
 * Opens or starts the journal of a directory, and answers what it held by queue name. `onBroken` is called when it cannot be written any more: the broker must stop
 * then, since it could no longer keep what it acknowledges.
 */
export function openJournal(
  directory: string,
  onBroken: (error: unknown) => void,
): { journal: Journal; kept: ReadonlyMap<string, KeptQueue> } {
  mkdirSync(directory, { recursive: true });
  const generations = generationsIn(directory);
  let generation = generations.at(-1) ?? 1;
  for (const old of generations.slice(0, -1)) rmSync(join(directory, fileName(old)));

  const path = (): string => join(directory, fileName(generation));
  const read = generations.length === 0 ? undefined : readJournal(path());
  let file = openSync(path(), "a");
  let sizeBytes = read?.wholeBytes ?? 0;
  ftruncateSync(file, sizeBytes);
  let compactedBytes = 0;
  let snapshot: (() => Iterable<JournalRecord>) | undefined;
  let pending: JournalRecord[] = [];
  let compactPlanned = false;
  let isOpen = true;

  const guard = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      isOpen = false;
      onBroken(error);
      throw error;
    }
  };

  const flush = (): void => {
    if (!isOpen || pending.length === 0) return;
    const line = `${JSON.stringify(pending)}\n`;
    pending = [];
    guard(() => {
      sizeBytes += writeAll(file, line);
    });
    if (sizeBytes > compactAboveBytes && sizeBytes > compactAtGrowth * compactedBytes && !compactPlanned) {
      compactPlanned = true;
      setImmediate(compact);
    }
  };

  const compact = (): void => {
    compactPlanned = false;
    if (!isOpen || snapshot === undefined) return;
    flush();
    guard(() => {
      const next = join(directory, "journal.next");
      const nextFile = openSync(next, "w");
      let nextBytes = 0;
      let chunk: JournalRecord[] = [];
      const write = (): void => {
        if (chunk.length > 0) nextBytes += writeAll(nextFile, `${JSON.stringify(chunk)}\n`);
        chunk = [];
      };
      for (const record of snapshot?.() ?? []) {
        chunk.push(record);
        if (chunk.length >= snapshotChunk) write();
      }
      write();
      const old = path();
      generation++;
      renameSync(next, path());
      closeSync(file);
      rmSync(old);
      file = nextFile;
      sizeBytes = nextBytes;
      compactedBytes = nextBytes;
    });
  };

  const record = (entry: JournalRecord): void => void pending.push(entry);

  const journal: Journal = {
    recorder: {
      put: (shelf, message, fresh) => record(fresh ? putRecord(shelf, message) : statusRecord(shelf, message)),
      drop: (shelf, sequenceNumber) => record(dropRecord(shelf, sequenceNumber)),
      seen: (queue, messageId, at) => record(["seen", queue, messageId, at]),
      sessionState: (queue, sessionId, state) => record(["state", queue, sessionId, state?.toString("base64") ?? null]),
      commit: flush,
    },
    setSnapshot(describe) {
      snapshot = describe;
    },
    compact,
    close() {
      if (!isOpen) return;
      flush();
      isOpen = false;
      closeSync(file);
    },
  };
  return { journal, kept: read?.kept ?? new Map() };
}
