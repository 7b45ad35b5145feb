import { strToU8, unzipSync, type Zippable, zipSync } from "fflate";

/** Content by path inside the zip, with `/` between folders. */
export type Files = Readonly<Record<string, Uint8Array>>;

/** A file's mode on Linux: readable by everybody, as unzip and Azure find it. */
const readable = (0o100644 << 16) >>> 0;
/** The format's first day, in whatever zone this machine is: a time of the build would make every zip another one. */
const firstDay = new Date(1980, 0, 1);

/** A zip of these files: the same files give the same bytes, on every machine and at every time. */
export function zipOf(files: Files): Uint8Array {
  const entries: Zippable = {};
  for (const path of Object.keys(files).sort()) {
    entries[path] = [files[path] ?? strToU8(""), { level: 9, mtime: firstDay, os: 3, attrs: readable }];
  }
  return zipSync(entries);
}

/** The files in a zip. Throws when it is none. */
export function filesIn(zip: Uint8Array): Files {
  return unzipSync(zip);
}
