// Keeps the tables "Clients that nobody here wrote" of the READMEs true: what they say was run occurs in the file they name.
import { readFileSync } from "node:fs";
import { DynamicsWebApi } from "dynamics-web-api";
import { describe, expect, it } from "vitest";

const heading = "## Clients that nobody here wrote";

function section(readme: string): string {
  const [, after] = readFileSync(readme, "utf8").split(heading);
  if (after === undefined) throw new Error(`${readme} has no section "${heading}"`);
  return after.split("\n## ")[0] ?? "";
}

const codeSpans = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => String(code));

/** Operation and file of every row of a section's table. */
function rowsOf(readme: string): [operation: string, file: string][] {
  const rows = section(readme)
    .split("\n")
    .filter((line) => /^\|.*\.test\.ts` *\|$/.test(line));
  return rows.flatMap((row) => {
    const names = codeSpans(row);
    const file = String(names.pop());
    return names.map((name): [string, string] => [name, file]);
  });
}

/** A missing file is an error, which says as much. */
const calls = (file: string, operation: string): boolean =>
  new RegExp(`\\.${operation}(<[^(]*>)?\\(`).test(readFileSync(file, "utf8"));

describe.each([
  ["infra/local/dataverse/README.md", "test/conformance/clients"],
  ["infra/local/bus/README.md", "test/conformance/bus"],
  ["infra/local/tables/README.md", "test/conformance/tables"],
])("the operations that %s says were run", (readme, folder) => {
  it.each(rowsOf(readme))("include %s, called in %s", (operation, file) => {
    expect(calls(`${folder}/${file}`, operation)).toBe(true);
  });
});

it("names every operation of dynamics-web-api, run or not", () => {
  const client = new DynamicsWebApi({ serverUrl: "http://127.0.0.1" });
  const housekeeping = ["setConfig", "initializeInstance"];
  const operations = Object.entries(client)
    .filter(([name, member]) => typeof member === "function" && !housekeeping.includes(name))
    .map(([name]) => name);

  const named = new Set(codeSpans(section("infra/local/dataverse/README.md")));

  expect(operations.length).toBeGreaterThan(30);
  expect(operations.filter((name) => !named.has(name))).toEqual([]);
});
