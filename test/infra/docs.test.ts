// Pages against what they name: links and anchors, commands, functions, tables, settings. Whether a sentence is true is for other tests.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { tableNames } from "../../shared/services.js";
import { settingDefinitions } from "../../shared/settings/schema.js";
import { registeredFunctions } from "../support/registered-functions.js";
import { filesBelow, nameOf, treeOf } from "../support/syntax.js";

const readmes = ["infra", "shared", "bench"].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("README.md"))
    .map((path) => `${folder}/${path}`),
);
const pages = [
  "README.md",
  ...readdirSync("docs").flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : [])),
  ...readmes,
];

const textOf = (page: string): string => readFileSync(page, "utf8");
/** What is said, without what is quoted in blocks of code. */
const proseOf = (page: string): string => textOf(page).replace(/^ *```.*?^ *```/gms, "");

interface Link {
  page: string;
  link: string;
  file: string;
  anchor: string | undefined;
}

const linksIn = (page: string): Link[] =>
  [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [path = "", anchor] = link.split("#");
    return [{ page, link, anchor, file: path === "" ? page : posix.join(posix.dirname(page), path) }];
  });

/** The names that headings can be reached by, as GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>();
  const headings = [...proseOf(page).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading = ""]) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return new Set(
    headings.map((name) => {
      const before = seen.get(name) ?? 0;
      seen.set(name, before + 1);
      return before === 0 ? name : `${name}-${before}`;
    }),
  );
}

describe("every page", () => {
  it.each(pages)("leads only to files and headings that are there: %s", (page) => {
    const links = linksIn(page);

    const dead = links.filter(({ file, anchor }) => {
      if (!existsSync(file)) return true;
      return anchor !== undefined && statSync(file).isFile() && file.endsWith(".md") && !anchorsOf(file).has(anchor);
    });

    expect(dead.map(({ link }) => link)).toEqual([]);
  });

  it("names commands that package.json has", () => {
    const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
    const named = pages.flatMap((page) =>
      [...textOf(page).matchAll(/npm run ([a-z][\w:-]*)/g)].map(([, name = ""]) => ({ page, name })),
    );

    expect(named.filter(({ name }) => scripts[name] === undefined)).toEqual([]);
    expect(named.length).toBeGreaterThan(20);
  });

  it("names settings that there are, by every name that begins as one of ours does", () => {
    const settings = Object.keys(settingDefinitions);
    const firstWords = new Set(settings.filter((name) => name.includes("_")).map((name) => name.split("_")[0]));
    const known = new Set([...settings, ...environmentOfCommands()]);
    const named = pages.flatMap((page) =>
      [...textOf(page).matchAll(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?:__\w+)?\b/g)].map(([name]) => ({ page, name })),
    );
    const ours = named.filter(({ name }) => firstWords.has(name.split("_")[0]));

    expect(ours.filter(({ name }) => !known.has(name))).toEqual([]);
    expect(ours.length).toBeGreaterThan(100);
  });

  it("is reached from the README, by one link after another", () => {
    const reached = new Set(["README.md"]);
    for (const page of reached)
      for (const { file } of linksIn(page)) if (file.endsWith(".md") && existsSync(file)) reached.add(file);

    expect(pages.filter((page) => !reached.has(page))).toEqual([]);
  });
});

describe("the page of the architecture", () => {
  const page = textOf("docs/architecture.md");

  it("names every function that is registered", () => {
    const registered = registeredFunctions().map(({ name }) => name);

    expect(registered.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
    expect(registered).toContain("ingress-write");
  });

  it("names every table of the state, and so does the page of security", () => {
    const rowOf = (name: string): string => `| \`${name}\` |`;

    expect(tableNames.filter((name) => !page.includes(rowOf(name)))).toEqual([]);
    expect(tableNames.filter((name) => !textOf("docs/security.md").includes(rowOf(name)))).toEqual([]);
  });
});

/** What commands and templates read from the environment: names in the code of infra/, and in the files of parameters. */
function environmentOfCommands(): string[] {
  const upperSnake = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/;
  const inCode = filesBelow("infra").flatMap((file) =>
    treeOf(file).nodes.flatMap((node) => {
      const name = nameOf(node) ?? "";
      return upperSnake.test(name) ? [name] : [];
    }),
  );
  const inParameters = readdirSync("infra")
    .filter((name) => name.endsWith(".bicepparam"))
    .flatMap((name) =>
      [...textOf(`infra/${name}`).matchAll(/readEnvironmentVariable\('(\w+)'/g)].map(([, one = ""]) => one),
    );
  return [...inCode, ...inParameters];
}
