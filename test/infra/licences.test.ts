import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readInstalled } from "../../infra/package/installed.js";
import { isAllowed, runtimeDependencies } from "../../infra/package/licences.js";

const lockFile = JSON.parse(readFileSync("package-lock.json", "utf8"));

describe("the licences of runtime dependencies", () => {
  it("are all in the list of those that ask for nothing but their text", () => {
    const dependencies = runtimeDependencies(lockFile, readInstalled);

    expect(dependencies.length).toBeGreaterThan(50);
    expect(dependencies.filter(({ licence }) => !isAllowed(licence))).toEqual([]);
    for (const name of Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies)) {
      expect(dependencies.map((dependency) => dependency.name)).toContain(name);
    }
  });

  it("are taken from the package that is installed, and from the lock file where none or another version is", () => {
    const lock = {
      packages: {
        "": { version: "1.0.0", license: "UNLICENSED" },
        "node_modules/here": { version: "1.0.0", license: "MIT" },
        "node_modules/older": { version: "2.0.0", license: "ISC" },
        "node_modules/gone/node_modules/@a/nested": { version: "3.0.0", license: "0BSD" },
        "node_modules/silent": { version: "1.0.0" },
        "node_modules/compiled": { version: "1.0.0", optional: true },
        "node_modules/tool": { version: "1.0.0", dev: true, license: "GPL-3.0" },
      },
    };
    const installed = new Map([
      ["node_modules/here", { name: "here", version: "1.0.0", licence: "GPL-3.0" }],
      ["node_modules/older", { name: "older", version: "1.0.0", licence: "GPL-3.0" }],
    ]);

    const dependencies = runtimeDependencies(lock, (folder) => installed.get(folder));

    expect(dependencies.map(({ name, licence }) => [name, licence])).toEqual([
      ["@a/nested", "0BSD"],
      ["here", "GPL-3.0"],
      ["older", "ISC"],
      ["silent", ""],
    ]);
  });

  it.each([
    ["MIT", true],
    ["(MIT OR GPL-3.0)", true],
    ["MIT AND Apache-2.0", true],
    ["MIT AND GPL-3.0", false],
    ["GPL-3.0", false],
    ["Apache-2.0 WITH LLVM-exception", false],
    ["SEE LICENSE IN LICENSE.md", false],
    ["UNLICENSED", false],
    ["", false],
  ])("under %j may be part of the product: %s", (expression, allowed) => {
    const verdict = isAllowed(expression);

    expect(verdict).toBe(allowed);
  });
});
