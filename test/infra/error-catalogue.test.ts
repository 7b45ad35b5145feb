// docs/errors.md has every code that the product can show, with a cause and a fix, and nothing besides. Where codes are found: test/support/error-codes.ts.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fixOf, knownCodes } from "../../shared/control/failure-fixes.js";
import { alarmKinds } from "../../shared/flows/alarms.js";
import { codesInSource, type Family, thrownCodes } from "../support/error-codes.js";
import { child, children, filesBelow, makeTree, nameOf, placeOf, treeOf } from "../support/syntax.js";

interface Row {
  codes: string[];
  seen: string;
  cause: string;
  fix: string;
}

/** Cells of the tables under `<!-- codes: family -->`, up to the next heading. */
const catalogue = new Map(
  readFileSync("docs/errors.md", "utf8")
    .split("<!-- codes: ")
    .slice(1)
    .map((part): [string, Row[]] => {
      const [family = "", rest = ""] = part.split(/ -->\n/);
      const lines = (rest.split(/^## /m)[0] ?? "").split("\n").filter((line) => line.startsWith("| `"));
      return [family, lines.map(toRow)];
    }),
);

function toRow(line: string): Row {
  const [code = "", seen = "", cause = "", fix = ""] = line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
  return { codes: [...code.matchAll(/`([^`]+)`/g)].map(([, one = ""]) => one), seen, cause, fix };
}

const rowsOf = (family: string): Row[] => catalogue.get(family) ?? [];
const { codes, hidden, undeclared } = codesInSource();

/** What a family has besides what its source names: reasons of the platform, for which the product has words. */
const alsoOf: Readonly<Record<string, readonly string[]>> = { failure: knownCodes };

const families: readonly Family[] = [...new Set(codes.map(({ family }) => family))];

/**
 * Places that pass on what nobody can read there. Codes of another system (to-error files) are its own; the others are declared elsewhere:
 * kinds in shared/errors.ts, reasons of skipping in shared/control/redrive.ts.
 */
const passedOn: ReadonlySet<string> = new Set([
  "shared/campaign/to-error.ts: context.vendorCode || String(status)",
  "shared/control/answer.ts: kind",
  "shared/control/failures.ts: skipped",
  "shared/messaging/to-bus-error.ts: code",
  "shared/storage/to-storage-error.ts: code",
]);

describe("the error catalogue", () => {
  it.each(families)("has a row for every code of the source and no other: %s", (family) => {
    const found = codes.filter((one) => one.family === family);
    const known = new Set([...found.map(({ code }) => code), ...(alsoOf[family] ?? [])]);
    const listed = rowsOf(family).flatMap((row) => row.codes);

    const missing = found
      .filter(({ code }) => !listed.includes(code))
      .map(
        ({ code, at }) =>
          `add to docs/errors.md, under <!-- codes: ${family} -->:  | \`${code}\` | where seen | cause | fix |  (${at})`,
      );
    const withoutWords = [...known].filter((code) => !listed.includes(code) && !found.some((one) => one.code === code));
    const gone = listed
      .filter((code) => !known.has(code))
      .map((code) => `take out of docs/errors.md (${family}): ${code}`);

    expect([...missing, ...withoutWords.map((code) => `add to docs/errors.md (${family}): ${code}`), ...gone]).toEqual(
      [],
    );
  });

  it("names each code once in its family, with place, cause and fix", () => {
    const wrong = [...catalogue].flatMap(([family, rows]) => {
      const names = rows.flatMap((row) => row.codes);
      const twice = names.filter((code, index) => names.indexOf(code) !== index);
      const empty = rows.filter(({ codes: [code], seen, cause, fix }) => !code || !seen || !cause || !fix);
      return [
        ...twice.map((code) => `${family}: ${code} twice`),
        ...empty.map((row) => `${family}: ${row.codes} has an empty cell`),
      ];
    });

    expect(wrong).toEqual([]);
    expect([...catalogue.keys()].sort()).toEqual([...families].sort());
  });

  it("gives the fixes that the app answers", () => {
    const answered = [
      ...knownCodes.map((code) => ({ family: "failure", code, fix: fixOf({ flow: "ingress", code, reason: "" }) })),
      ...Object.entries(alarmKinds).map(([code, { fix }]) => ({ family: "alarm", code, fix })),
    ];

    const listed = answered.map(({ family, code }) => ({
      family,
      code,
      fix: rowsOf(family).find((row) => row.codes.includes(code))?.fix,
    }));

    expect(listed).toEqual(answered);
  });
});

describe("problems of settings, documents and requests, which have no codes", () => {
  it("say with every problem how to put it right", () => {
    const problems = filesBelow("shared")
      .map(treeOf)
      .flatMap((tree) =>
        tree.nodes.flatMap((node) => {
          const members = node.type === "ObjectExpression" ? children(node, "properties") : [];
          const has = (name: string) => members.find((member) => nameOf(child(member, "key")) === name);
          if (!has("problem") || !(has("fix") ?? has("path") ?? has("setting"))) return [];
          const fix = child(has("fix"), "value");
          return [{ at: placeOf(tree, node), isMended: fix !== undefined && fix.value !== "" }];
        }),
      );

    expect(problems.filter(({ isMended }) => !isMended).map(({ at }) => at)).toEqual([]);
    expect(problems.length).toBeGreaterThan(50);
  });
});

describe("codes in the source", () => {
  it("can be read where they are given: as a literal, a constant, or an argument of a function beside it", () => {
    const unread = hidden.map(({ at, text }) => `${at}: ${text}`).filter((place) => !passedOn.has(place));

    expect(
      unread,
      "write the code as a literal or a constant; if it is another system's own, add the place to passedOn",
    ).toEqual([]);
  });

  it("are in a family of the catalogue where a list or union of them is exported", () => {
    expect(undeclared, "add it to `declared` in test/support/error-codes.ts, or to `noErrors`").toEqual([]);
  });

  it.each([
    ["a literal", 'throw new RefusedError("said", "one");', ["one"]],
    ["a constant", 'const code = "one"; throw new TableError("said", code);', ["one"]],
    ["a choice", 'throw new RefusedError("said", isHere ? "one" : "two");', ["one", "two"]],
    ["a fall-back", 'throw new TableError("said", code || "404");', ["404"]],
    ["an argument", 'const table = (code: string) => new TableError("said", code); throw table("one");', ["one"]],
    ["a context", 'throw new MissingError("said", { code: "one" });', ["one"]],
    ["a table of rules", 'const rules = [{ pattern: /a/, code: "one" }];', ["one"]],
  ])("are found in %s", (_what, text, expected) => {
    const { codes: found } = thrownCodes(makeTree("shared/flows/example.ts", text));

    expect(found.map(({ code }) => code)).toEqual(expected);
  });

  it("are told of when they cannot be read", () => {
    const text = 'throw new RefusedError("said", reasonOf(answer));';

    expect(thrownCodes(makeTree("shared/flows/example.ts", text)).hidden).toEqual([
      { at: "shared/flows/example.ts", text: "reasonOf(answer)" },
    ]);
  });
});
