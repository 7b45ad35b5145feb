// Paths as clients of a chrooted server see them: nothing outside of one folder can be named, be it with "..", with an absolute path
// or over a link. What is done at a path is in operations.ts.

import { lstat, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { SftpError } from "./status.js";

const maxLinks = 40;

/** A place below the root: `path` for the client, `real` for the file system. Its last part need not exist. */
export interface Place {
  path: string;
  real: string;
}

/** What a client sent as it reads in logs and faults: absolute, without "." and "..". */
export function toAbsolute(path: string): string {
  return posix.resolve("/", path);
}

/**
 * Finds the place that `path` names, going through links as the kernel does in a chroot: an absolute target begins at the root.
 * `follow` says whether a link at the end is followed too. Throws SftpError or the file system's error when there is no way there.
 */
export async function findPlace(root: string, path: string, follow: boolean): Promise<Place> {
  let found: string[] = [];
  let rest = partsOf(path);
  let links = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      found.pop();
      continue;
    }
    const real = join(root, ...found, name);
    const isLast = rest.length === 0;
    const stats = await lstat(real).catch((error: NodeJS.ErrnoException) => {
      if (isLast && error.code === "ENOENT") return undefined;
      throw error;
    });
    if (stats?.isSymbolicLink() && (follow || !isLast)) {
      links += 1;
      if (links > maxLinks) throw new SftpError("NO_SUCH_FILE");
      const target = await readlink(real);
      if (target.startsWith("/")) found = [];
      rest = [...partsOf(target), ...rest];
      continue;
    }
    if (!isLast && !stats?.isDirectory()) throw new SftpError("NO_SUCH_FILE");
    found.push(name);
  }
  return { path: `/${found.join("/")}`, real: join(root, ...found) };
}

const partsOf = (path: string): string[] => path.replace(/^\/+/, "").split("/");
