import type { Stats } from "node:fs";
import type { Attributes } from "ssh2";

/** What a client asks to be set: only the attributes it named. */
export type WantedAttributes = Partial<Attributes>;

const seconds = (ms: number): number => Math.floor(ms / 1000);

/** Attributes of a file as they go over the wire; times in whole seconds. */
export function toAttributes({ mode, uid, gid, size, atimeMs, mtimeMs }: Stats): Attributes {
  return { mode, uid, gid, size, atime: seconds(atimeMs), mtime: seconds(mtimeMs) };
}

/** The line that clients print for a listing, as `ls -l` would. */
export function toLongName(name: string, stats: Stats): string {
  const kind = stats.isDirectory() ? "d" : stats.isSymbolicLink() ? "l" : "-";
  const rights = [6, 3, 0].map((shift) => {
    const bits = (stats.mode >> shift) & 7;
    return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${bits & 1 ? "x" : "-"}`;
  });
  // "Sun, 01 Mar 2026 10:00:00 GMT"
  const [, day, month, year] = stats.mtime.toUTCString().split(" ");
  const columns = [String(stats.nlink).padStart(4), String(stats.uid).padEnd(8), String(stats.gid).padEnd(8)];
  return `${kind}${rights.join("")} ${columns.join(" ")} ${String(stats.size).padStart(8)} ${month} ${day}  ${year} ${name}`;
}
