import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compileMapping } from "../../../shared/mapping/compile.js";
import { validateMappings } from "../../../shared/mapping/validate-set.js";

interface Fixture {
  documents: unknown[];
  problems?: string[];
  warnings?: string[];
}

function fixtures(kind: "valid" | "invalid"): [string, Fixture][] {
  const folder = `test/fixtures/mappings/${kind}`;
  return readdirSync(folder).map((file) => [
    file.replace(".json", "").replaceAll("-", " "),
    JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as Fixture,
  ]);
}

describe("the mappings in test/fixtures/mappings/valid", () => {
  it.each(fixtures("valid"))("are accepted and compile, with just the warnings they expect: %s", (_name, fixture) => {
    const validated = validateMappings(fixture.documents);

    expect(validated.problems).toEqual([]);
    expect(validated.warnings.map(({ path }) => path)).toEqual(fixture.warnings);
    expect("mappings" in validated && validated.mappings.map(compileMapping)).toHaveLength(fixture.documents.length);
  });
});

describe("the mappings in test/fixtures/mappings/invalid", () => {
  it.each(fixtures("invalid"))("are refused with every problem by its path: %s", (_name, fixture) => {
    const validated = validateMappings(fixture.documents);

    expect(validated).not.toHaveProperty("mappings");
    expect(validated.problems.map(({ path }) => path).sort()).toEqual([...(fixture.problems ?? [])].sort());
  });

  it.each(fixtures("invalid"))("are refused in words, with a fix for each: %s", (_name, fixture) => {
    const { problems } = validateMappings(fixture.documents);

    for (const { problem, fix } of problems) {
      expect(problem).toMatch(/\w+ \w+/);
      expect(fix).toMatch(/\w+ \w+/);
    }
  });

  it("name the circle in which tables wait for each other", () => {
    const [, fixture] = fixtures("invalid").find(([name]) => name === "waiting in a circle") ?? [];

    expect(validateMappings(fixture?.documents ?? []).problems[0]?.problem).toContain(
      "acme_a → acme_b → acme_c → acme_a",
    );
  });
});

describe("the mappings in docs/examples", () => {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
  const examples = readdirSync("docs/examples").filter((file) => file.endsWith(".json"));

  it("are valid together with the shipped mapping of contacts, without a warning", () => {
    const documents = examples.map((file) => read(`docs/examples/${file}`));

    const validated = validateMappings([read("shared/mapping/contact-to-profile.json"), ...documents]);

    expect(examples.length).toBeGreaterThanOrEqual(3);
    expect(validated).toMatchObject({ problems: [], warnings: [] });
  });
});
