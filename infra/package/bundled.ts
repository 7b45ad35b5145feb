// Which packages are inside the bundle, from esbuild's own account of it. What their licences say is licences.ts and notices.ts.

import type { Metafile } from "esbuild";

/** A package with files in the bundle. `folder` is where it is installed, "" for this product's own code; `bytes` of the bundle are its. */
export interface BundledPackage {
  name: string;
  folder: string;
  bytes: number;
}

const installed = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)/;

/** Every package with code in the bundle, the largest first; the same package in two versions counts twice. */
export function bundledPackages({ outputs }: Metafile): BundledPackage[] {
  const packages = new Map<string, BundledPackage>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const [folder = "", name = "this product"] = installed.exec(path) ?? [];
      const known = packages.get(folder);
      packages.set(folder, { name, folder, bytes: (known?.bytes ?? 0) + bytesInOutput });
    }
  }
  return [...packages.values()].sort((a, b) => b.bytes - a.bytes || (a.folder < b.folder ? -1 : 1));
}
