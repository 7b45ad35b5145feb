import { describe, expect, it } from "vitest";
import { type ResourceField, resourceWarnings } from "../../../shared/mapping/against-resource.js";
import { examineMapping } from "../../../shared/mapping/validate.js";
import { aField, aMappingDocument } from "../../support/mappings.js";

const known: Readonly<Record<string, ResourceField>> = {
  externalId: { type: "string", length: 128, readOnly: false },
  lastName: { type: "string", length: 50, readOnly: false },
  "location.city": { type: "string", length: 80, readOnly: false },
  age: { type: "long", length: 0, readOnly: true },
  gender: { type: "enumeration", length: 0, readOnly: false },
  birthDate: { type: "date", length: 0, readOnly: false },
  orgUnit: { type: "link", length: 0, readOnly: false },
  odd: { type: "memo", length: 0, readOnly: false },
};

function warningsOf(field: Record<string, unknown>, keyField = "externalId"): [string, string][] {
  const key = { field: keyField, address: { by: "uri" } };
  const { mapping } = examineMapping(aMappingDocument([aField({ maxLength: 50, ...field })], { key }));
  if (!mapping) throw new Error("the test's document has the wrong shape");
  return resourceWarnings(mapping, new Map(Object.entries(known))).map(({ path, problem }) => [path, problem]);
}

describe("a mapping against what Campaign says of its resource", () => {
  it.each<[Record<string, unknown>]>([
    [{}],
    [{ target: "location.city", maxLength: 80 }],
    [{ target: "gender", maxLength: undefined }],
    [{ target: "gender", type: "enumeration", maxLength: undefined }],
    [{ source: { column: "birthdate" }, target: "birthDate", type: "date", maxLength: undefined }],
    [{ target: "odd", type: "string", maxLength: 5_000 }],
  ])("is silent about %j", (field) => {
    expect(warningsOf(field)).toEqual([]);
  });

  it.each<[Record<string, unknown>, string, string]>([
    [{ target: "cusNothing" }, "fields[0].target", "Campaign's profile has no field cusNothing"],
    [{ target: "age" }, "fields[0].target", "age is read-only in Campaign"],
    [{ maxLength: 51 }, "fields[0].maxLength", "lastName takes 50 characters in Campaign"],
    [{ maxLength: undefined }, "fields[0].maxLength", "lastName takes 50 characters in Campaign"],
    [{ target: "orgUnit" }, "fields[0].type", "orgUnit is of type link in Campaign"],
    [
      { target: "lastName", type: "integer", maxLength: undefined },
      "fields[0].type",
      "lastName is of type string in Campaign",
    ],
  ])("warns about %j", (field, path, problem) => {
    expect(warningsOf(field)).toEqual([[path, problem]]);
  });

  it("warns about a key field that is not there", () => {
    expect(warningsOf({}, "cusKey")).toEqual([["key.field", "Campaign's profile has no field cusKey"]]);
  });

  it.each([
    ["both", { email: "donotemail" }, []],
    ["both", { email: "donotemail", fax: "donotfax" }, ["optOuts.attributes.fax"]],
    ["disabled", { fax: "donotfax" }, []],
  ])("with opt-outs %s of %j, where Campaign keeps e-mail alone, warns about %j", (direction, attributes, paths) => {
    const { mapping } = examineMapping(
      aMappingDocument([aField({ maxLength: 50 })], { optOuts: { direction, attributes } }),
    );
    if (!mapping) throw new Error("the test's document has the wrong shape");
    const fields = new Map(
      Object.entries({ ...known, denyListEmail: { type: "boolean", length: 0, readOnly: false } }),
    );

    expect(resourceWarnings(mapping, fields).map(({ path }) => path)).toEqual(paths);
  });

  it("warns once about a resource that is not there", () => {
    const { mapping } = examineMapping(aMappingDocument());
    if (!mapping) throw new Error("the test's document has the wrong shape");

    expect(resourceWarnings(mapping, undefined)).toMatchObject([{ path: "resource.name" }]);
  });
});
