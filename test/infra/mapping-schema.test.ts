import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { mappingSchemaFile, mappingSchemaPath } from "../../infra/mapping-schema.js";

describe("docs/table-mapping.schema.json", () => {
  it("is fresh", () => {
    expect(readFileSync(mappingSchemaPath, "utf8")).toBe(mappingSchemaFile());
  });

  it("knows every member a person may write, and demands only those without a default", () => {
    const schema = JSON.parse(mappingSchemaFile());

    expect(schema.required.sort()).toEqual(["columns", "fields", "key", "resource", "table", "v"]);
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(["filters", "picklists", "whenFilteredOut"]));
    expect(schema.$defs.source.anyOf).toHaveLength(9);
  });
});
