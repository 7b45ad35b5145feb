import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const docs = ["compared-with-adobe.md", "behaviour.md"] as const;
/** Complaints of the users of such integrations that contacts, custom entities, events and opt-outs owe a test (facts/field.md §1). */
const owed = [
  1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 29, 30, 31, 32, 33, 34,
  35, 36, 38, 39,
];

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** Tests that a document names: links whose text is the test's name and whose target its file. */
function namedTests(doc: string): { name: string; file: string }[] {
  return [...read(`docs/${doc}`).matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\)/g)].map(([, name = "", file = ""]) => ({
    name,
    file,
  }));
}

/** Is there a test, or a group of tests, with this very name that runs? */
function runs(source: string, name: string): boolean {
  const quoted = name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const found = new RegExp(`([\\w.]*)\\(\\s*["\`]${quoted}["\`],\\s*(async\\s*)?\\(`).exec(source);
  return found !== null && !/todo|skip|fails/.test(found[1] ?? "");
}

/** Rows of the tables of a document, as cells. */
function rows(doc: string): string[][] {
  const lines = read(`docs/${doc}`)
    .split("\n")
    .filter((line) => line.startsWith("| "));
  return lines.map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")));
}

describe.each(docs)("docs/%s", (doc) => {
  const tests = namedTests(doc);
  const files = [...new Set(tests.map(({ file }) => file))];

  it("names only tests that are there and run", () => {
    const missing = tests.filter(({ name, file }) => {
      const there = existsSync(new URL(`../../${file}`, import.meta.url));
      return !there || !runs(read(file), name);
    });

    expect(files.length).toBeGreaterThan(5);
    expect(missing).toEqual([]);
  });

  it("names a test in every row", () => {
    const bare = rows(doc).filter((cells) => !/^(shown by|test)$/.test(cells.at(-1) ?? ""));

    expect(bare.length).toBeGreaterThan(20);
    expect(bare.filter((cells) => !/\]\(\.\.\/test\//.test(cells.at(-1) ?? ""))).toEqual([]);
  });
});

describe("docs/compared-with-adobe.md", () => {
  it("gives each row one of its verdicts", () => {
    const verdicts = rows("compared-with-adobe.md").map((cells) => cells[2]);

    expect(new Set(verdicts)).toEqual(new Set(["verdict", "same", "better", "partly"]));
  });
});

describe("the complaints", () => {
  const sources = readdirSync(new URL("../complaints", import.meta.url))
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => read(`test/complaints/${name}`));

  it.each(owed)("B%i has a test that is named after it", (number) => {
    const named = sources.filter((source) =>
      new RegExp(`describe(\\.each\\([^\\n]*\\))?\\(\\s*"B${number}: `).test(source),
    );

    expect(named).toHaveLength(1);
  });
});
