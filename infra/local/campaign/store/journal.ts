// The file that lets records survive kill -9: one JSON line per change, written before the change is answered.

import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/** One line of the journal. What the lines mean is the store's business. */
export type JournalEntry = { t: string } & Record<string, unknown>;

/** Where the store writes its changes; `rewrite` replaces everything written so far in one step. */
export interface Journal {
  append(entry: JournalEntry): void;
  rewrite(entries: Iterable<JournalEntry>): void;
}

/** A journal for a simulator that forgets. */
export const noJournal: Journal = { append() {}, rewrite() {} };

const blockSize = 1 << 20;

function parseLine(line: string, at: number): JournalEntry {
  try {
    return JSON.parse(line) as JournalEntry;
  } catch (cause) {
    throw new Error(`campaign.jsonl cannot be read at byte ${at}: remove the folder to start without records`, {
      cause,
    });
  }
}

/** Reads the complete lines of `file` block by block; answers the length up to the end of the last complete line. */
function readLines(fd: number, use: (entry: JournalEntry) => void): number {
  const block = Buffer.alloc(blockSize);
  let rest: Buffer = Buffer.alloc(0);
  let complete = 0;
  for (;;) {
    const length = readSync(fd, block, 0, blockSize, null);
    if (length === 0) return complete;
    const text: Buffer = Buffer.concat([rest, block.subarray(0, length)]);
    let start = 0;
    for (let end = text.indexOf(10, start); end >= 0; end = text.indexOf(10, start)) {
      use(parseLine(text.toString("utf8", start, end), complete));
      complete += end + 1 - start;
      start = end + 1;
    }
    rest = text.subarray(start);
  }
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

/**
 * Opens `<folder>/campaign.jsonl`, gives every entry in it to `replay`, and appends from then on. A last line that a kill cut
 * in half was never answered to anybody: it is dropped. Throws when a line in the middle cannot be read.
 */
export function openJournal(folder: string, replay: (entry: JournalEntry) => void): Journal {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "campaign.jsonl");
  if (existsSync(file)) {
    const fd = openSync(file, "r+");
    ftruncateSync(fd, readLines(fd, replay));
    closeSync(fd);
  }
  let fd = openSync(file, "a");
  return {
    append: (entry) => writeAll(fd, `${JSON.stringify(entry)}\n`),
    rewrite(entries) {
      const next = `${file}.next`;
      const nextFd = openSync(next, "w");
      let lines = "";
      for (const entry of entries) {
        lines += `${JSON.stringify(entry)}\n`;
        if (lines.length > blockSize) {
          writeAll(nextFd, lines);
          lines = "";
        }
      }
      writeAll(nextFd, lines);
      closeSync(nextFd);
      // Windows replaces no file that is open.
      closeSync(fd);
      renameSync(next, file);
      fd = openSync(file, "a");
    },
  };
}
