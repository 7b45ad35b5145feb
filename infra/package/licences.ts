// Licences of everything that is deployed or could be: every runtime dependency of the lock file. Their texts are notices.ts.

import { z } from "zod";
import type { InstalledPackage } from "./installed.js";

/** Licences that ask for nothing but their text: code under them may be part of a product that is not published. */
export const allowedLicences: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "CC0-1.0",
  "ISC",
  "MIT",
  "Unlicense",
]);

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
      license: z.string().optional(),
    }),
  ),
});

/** A runtime dependency and its licence, an SPDX expression; "" when nobody says it. */
export interface Dependency {
  name: string;
  version: string;
  licence: string;
}

/**
 * Every runtime dependency in the lock file, by name. `readInstalled` answers the package installed in a folder; the lock's word counts where there is none,
 * or another version. What is optional and not installed, such as what npm could not compile here, is no part of anything.
 */
export function runtimeDependencies(
  lock: unknown,
  readInstalled: (folder: string) => InstalledPackage | undefined,
): Dependency[] {
  const found = new Map<string, Dependency>();
  for (const [folder, { version = "", dev, optional, license }] of Object.entries(lockSchema.parse(lock).packages)) {
    if (folder === "" || dev) continue;
    const installed = readInstalled(folder);
    if (optional && !installed) continue;
    const own = installed?.version === version ? installed.licence : "";
    const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
    found.set(`${name}@${version}`, { name, version, licence: own || (license ?? "") });
  }
  return [...found.values()].sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
}

/** May a product that is not published hold code under this expression? `A OR B`: one suffices; `A AND B`: both must. Anything else than names is refused. */
export function isAllowed(expression: string): boolean {
  const bare = expression.trim().replace(/^\((.*)\)$/, "$1");
  return bare.split(/ OR /).some((choice) => choice.split(/ AND /).every((name) => allowedLicences.has(name.trim())));
}
