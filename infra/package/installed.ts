// What an installed package says of itself: name, version, licence and the text of it. Which licences are good is licences.ts.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const licenceSchema = z.union([z.string(), z.object({ type: z.string() }).transform(({ type }) => type)]);
const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  license: licenceSchema.optional(),
  /** The old spelling: any one of them may be chosen. */
  licenses: z.array(licenceSchema).optional(),
});

/** A package as it is installed. `licence`: an SPDX expression, "" when it names none. */
export interface InstalledPackage {
  name: string;
  version: string;
  licence: string;
}

/** Reads the package in `folder`; undefined: it is not installed. */
export function readInstalled(folder: string): InstalledPackage | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, "package.json"), "utf8");
  } catch {
    return undefined;
  }
  const { name, version, license, licenses } = manifestSchema.parse(JSON.parse(text));
  return { name, version, licence: license ?? licenses?.join(" OR ") ?? "" };
}

/** The licence as the package ships it: its file or, without one, that chapter of its README. Undefined: it ships none. */
export function licenceText(folder: string): string | undefined {
  const names = readdirSync(folder).sort();
  const texts = names.filter((name) => /^(licen[sc]e|copying|notice)(\.(md|txt))?$/i.test(name));
  if (texts.length > 0) return texts.map((name) => readText(join(folder, name))).join("\n\n");
  const readme = names.find((name) => /^readme\.md$/i.test(name));
  return readme === undefined ? undefined : licenceChapter(readText(join(folder, readme)));
}

/** The text below a heading "License", up to the next heading. */
function licenceChapter(readme: string): string | undefined {
  const [, chapter = ""] =
    /^(?:#+ *licen[sc]e *#*|licen[sc]e *\n[-=]{3,})\n([\s\S]*?)(?=^#+ |^\S.*\n[-=]{3,}$|$(?![\s\S]))/im.exec(readme) ??
    [];
  // Less is no licence, only its name.
  return /copyright|permission/i.test(chapter) ? chapter.trim() : undefined;
}

function readText(file: string): string {
  return readFileSync(file, "utf8").replaceAll("\r\n", "\n").trim();
}
