// Which files a package.json `main` names: a path or a glob relative to the app's root. Reads directories, loads nothing.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { HostRefusal } from "../config/host-refusal.js";

const NOT_IMITATED = /[[\]!()]/;

/**
 * The files that match `pattern` (`*`, `**`, `?` and `{a,b}`), relative to `root`, sorted. Throws HostRefusal when none does,
 * or for a glob feature that is not imitated.
 */
export async function findEntryFiles(root: string, pattern: string): Promise<string[]> {
  const clean = pattern.replace(/^\.\//, "");
  if (NOT_IMITATED.test(clean)) {
    throw new HostRefusal([`package.json main "${pattern}": only *, **, ? and {a,b} are imitated`]);
  }
  const matchers = expandBraces(clean).map(toRegExp);
  const fixed = clean.split(/[*?{]/)[0] ?? "";
  const start = fixed.slice(0, fixed.lastIndexOf("/") + 1);
  const names = await readdir(join(root, start), { recursive: true, withFileTypes: true }).catch(() => []);
  const files = names
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll("\\", "/"),
    )
    .filter((file) => matchers.some((matcher) => matcher.test(file)));
  if (files.length > 0) return files.sort();
  throw new HostRefusal([`package.json main "${pattern}" matches no file below the app's root: is the app built?`]);
}

function expandBraces(pattern: string): string[] {
  const match = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(pattern);
  if (!match) return [pattern];
  const [, before = "", choices = "", after = ""] = match;
  return choices.split(",").flatMap((choice) => expandBraces(`${before}${choice}${after}`));
}

function toRegExp(glob: string): RegExp {
  const source = glob
    .replace(/[.+^$|\\]/g, "\\$&")
    .replaceAll("**/", "\u0001")
    .replaceAll("**", "\u0002")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]")
    .replaceAll("\u0001", "(?:.*/)?")
    .replaceAll("\u0002", ".*");
  return new RegExp(`^${source}$`);
}
