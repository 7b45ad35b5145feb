// Paths of a client to paths on disk, inside one root. Nothing a client sends leads out of it: not `..`, not an absolute path, not a link.

import { lstatSync, realpathSync } from "node:fs";
import { dirname, join, posix, sep } from "node:path";

/** Translates paths for one root. */
export interface Jail {
  /** The path as the client sees it: absolute, normalised, with the root as `/`. */
  toClient(path: string): string;
  /** Where that is on disk. Throws an error with code EACCES when a link on the way leads out of the root. */
  toDisk(path: string): string;
}

/** Makes the jail of a folder that exists. */
export function makeJail(root: string): Jail {
  const realRoot = realpathSync(root);
  const toClient = (path: string): string => posix.resolve("/", path);
  return {
    toClient,
    toDisk(path) {
      const wanted = join(realRoot, toClient(path));
      const real = realOrParent(wanted);
      if (real !== realRoot && !real.startsWith(`${realRoot}${sep}`)) {
        throw outside();
      }
      return wanted;
    },
  };
}

function outside(): Error {
  return Object.assign(new Error("outside of the root"), { code: "EACCES" });
}

/** A link that leads nowhere: writing through it would make the file it names, wherever that is. */
function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** The real path of what is there, or of the folder that would hold it. */
function realOrParent(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    if (isLink(path)) throw outside();
    return realOrParent(dirname(path));
  }
}
