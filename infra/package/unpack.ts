import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Files, filesIn } from "./zip.js";

/** Unpacks a package into a new, empty folder outside the repository, where no node_modules is in reach, and answers it; it goes when this process ends. */
export function unpackPackage(file: string): string {
  const files = filesOf(file);
  const folder = mkdtempSync(join(tmpdir(), "dynamics-campaign-package-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
  return folder;
}

function filesOf(file: string): Files {
  try {
    return filesIn(readFileSync(file));
  } catch (error) {
    throw new Error(`${file} cannot be read as a package: make one with npm run package`, { cause: error });
  }
}
