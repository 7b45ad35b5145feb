// Makes what is deployed: a folder for azd, and a zip for everybody else. What it is built from is infra/build.ts; who runs it is main.ts.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { buildApp } from "../build.js";
import { type BundledPackage, bundledPackages } from "./bundled.js";
import { thirdPartyNotices } from "./notices.js";
import { type Files, zipOf } from "./zip.js";

/** What was made: where, and what is in it. */
export interface Package {
  folder: string;
  zip: string;
  zipBytes: number;
  /** Bytes of each file. */
  files: Readonly<Record<string, number>>;
  contributors: readonly BundledPackage[];
}

const manifestSchema = z.object({ version: z.string(), main: z.string() });

/** Fills `<directory>/package`, which is emptied first, and writes `<directory>/package.zip`. Twice makes the same bytes. Run from the repository's root. */
export async function makePackage(directory = "dist"): Promise<Package> {
  const folder = join(directory, "package");
  rmSync(folder, { recursive: true, force: true });
  const { version, main } = manifestSchema.parse(JSON.parse(readFileSync("package.json", "utf8")));
  const contributors = bundledPackages(await buildApp(join(folder, main), { sourceMap: false }));
  const files: Files = {
    [main]: readFileSync(join(folder, main)),
    // Line ends as in the repository, whatever git made of them here.
    "host.json": text(readFileSync("host.json", "utf8").replaceAll("\r\n", "\n")),
    "package.json": text(`${JSON.stringify({ version, type: "commonjs", main }, undefined, 2)}\n`),
    "THIRD-PARTY-NOTICES.txt": text(thirdPartyNotices(contributors)),
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const zip = join(directory, "package.zip");
  const bytes = zipOf(files);
  // Under its name only when it is whole: half a zip must not be uploaded.
  writeFileSync(`${zip}.part`, bytes);
  renameSync(`${zip}.part`, zip);
  const sizes = Object.entries(files).map(([path, content]) => [path, content.length] as const);
  return { folder, zip, zipBytes: bytes.length, files: Object.fromEntries(sizes), contributors };
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}
