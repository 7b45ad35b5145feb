// What survives `kill -9`: one line per committed transaction, written before the answer leaves. No knowledge of what the lines mean.
import { closeSync, ftruncateSync, mkdirSync, openSync, readSync, renameSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Where committed changes go. */
export interface Journal {
  append(entry: unknown): void;
  /** Every entry in order; a last line that was cut off by a kill is left out and removed from the file. */
  replay(apply: (entry: unknown) => void): number;
  /** Replaces everything by these entries. */
  rewrite(entries: Iterable<unknown>): void;
  close(): void;
}

/** For a simulator that forgets everything when it ends. */
export const NO_JOURNAL: Journal = {
  append: () => undefined,
  replay: () => 0,
  rewrite: () => undefined,
  close: () => undefined,
};

/** The complete lines of a file, without their ends. (node:readline would also split at U+2028 inside a value.) */
function* linesOf(path: string): Generator<Buffer> {
  const handle = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(4 * 1024 * 1024);
    let rest = Buffer.alloc(0);
    for (let read = readSync(handle, chunk); read > 0; read = readSync(handle, chunk)) {
      const data = Buffer.concat([rest, chunk.subarray(0, read)]);
      let start = 0;
      for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
        yield data.subarray(start, end);
        start = end + 1;
      }
      rest = data.subarray(start);
    }
  } finally {
    closeSync(handle);
  }
}

/** Makes a journal in `directory`. The file survives the death of the process, not of the machine: it is not synced. */
export function makeFileJournal(directory: string): Journal {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "journal.ndjson");
  let file = openSync(path, "a+");
  const write = (handle: number, lines: string): void => {
    const bytes = Buffer.from(lines, "utf8");
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(handle, bytes, offset);
  };
  return {
    append(entry) {
      write(file, `${JSON.stringify(entry)}\n`);
    },
    replay(apply) {
      let count = 0;
      let goodBytes = 0;
      for (const line of linesOf(path)) {
        try {
          apply(JSON.parse(line.toString("utf8")));
        } catch (error) {
          if (error instanceof SyntaxError) break;
          throw error;
        }
        count += 1;
        goodBytes += line.length + 1;
      }
      if (goodBytes < statSync(path).size) ftruncateSync(file, goodBytes);
      return count;
    },
    rewrite(entries) {
      const next = `${path}.next`;
      const handle = openSync(next, "w");
      let lines = "";
      for (const entry of entries) {
        lines += `${JSON.stringify(entry)}\n`;
        if (lines.length < 1_000_000) continue;
        write(handle, lines);
        lines = "";
      }
      write(handle, lines);
      closeSync(handle);
      closeSync(file);
      renameSync(next, path);
      file = openSync(path, "a+");
    },
    close: () => closeSync(file),
  };
}
