import { describe, expect, it } from "vitest";
import { columnsOf, validateMapping } from "../../../shared/mapping/validate.js";
import { aField, aMappingDocument } from "../../support/mappings.js";

const pathsOf = (document: unknown) => validateMapping(document).problems.map(({ path }) => path);

describe("validateMapping", () => {
  it("accepts a sound mapping and fills in what was left out", () => {
    const validated = validateMapping(aMappingDocument());

    expect(validated).toMatchObject({
      problems: [],
      mapping: { applyDeletes: true, fields: [{ applyUpdates: true, replacements: {}, misfit: "fail" }] },
    });
  });

  it("reports every problem at once, each by its path", () => {
    const document = aMappingDocument([
      aField({ source: { column: "unlisted" } }),
      aField({ source: { column: "firstname" } }),
      aField({ target: "blackListEmail", type: "boolean" }),
      aField({ target: "externalId" }),
      aField({ target: "age", type: "integer" }),
    ]);

    expect(pathsOf(document)).toEqual([
      "fields[0].source",
      "fields[1].target",
      "fields[2].target",
      "fields[3].target",
      "fields[4].target",
    ]);
  });

  it("names the path of a member of the wrong shape, deep down too", () => {
    expect(pathsOf(aMappingDocument([aField({ type: "uuid" })]))).toEqual(["fields[0].type"]);
    expect(pathsOf(aMappingDocument([aField()], { key: { field: "externalId", address: { by: "guess" } } }))).toEqual([
      "key.address.by",
    ]);
  });

  it.each<[string, Record<string, unknown>]>([
    ["another version", { v: 2 }],
    ["an unknown member", { filter: {} }],
    ["filters without a condition", { filters: { join: "and", conditions: [] } }],
    ["no fields", { fields: [] }],
    ["a table in upper case", { table: { name: "Contact", set: "contacts", id: "contactid" } }],
    ["a resource that could leave its path", { resource: { api: "customResources", name: "../profile" } }],
    ["an API that does not exist", { resource: { api: "services", name: "profile" } }],
    ["an id column without its type", { columns: { contactid: "string", lastname: "string" } }],
  ])("refuses a mapping with %s", (_what, changes) => {
    expect(pathsOf(aMappingDocument([aField()], changes))).not.toEqual([]);
  });

  it.each([
    "PKey",
    "href",
    "age",
    "acsId",
    "created",
    "lastModified",
    "cryptedId",
    "domain",
    "title",
    "isExternal",
    "subscriptions",
    "postalAddress.line1",
  ])("refuses the target %s, which Campaign computes itself", (target) => {
    expect(pathsOf(aMappingDocument([aField({ target })]))).toEqual(["fields[0].target"]);
  });

  it.each(["", "Email", "Fax", "Mobile", "Phone", "PostalMail", "Pushnotification"])(
    "refuses the opt-out attribute blackList%s in both spellings, and the time kept of it",
    (channel) => {
      const targets = ["blackList", "denyList"].flatMap((prefix) => [
        `${prefix}${channel}`,
        `${prefix}${channel}LastModified`,
      ]);

      const refused = targets.filter((target) => pathsOf(aMappingDocument([aField({ target })])).length === 1);

      expect(refused).toEqual(targets);
    },
  );

  it.each(["ccpaOptOut", "ccpaOptOutLastModified", "blackListAllLastModified"])(
    "refuses the opt-out attribute %s",
    (target) => {
      expect(pathsOf(aMappingDocument([aField({ target })]))).toEqual(["fields[0].target"]);
    },
  );

  it("accepts a field of the customer's own whose name only begins like an opt-out attribute", () => {
    expect(
      pathsOf(aMappingDocument([aField({ target: "cusBlackListReason" }), aField({ target: "blackListReason" })])),
    ).toEqual([]);
  });

  it.each([undefined, null, 7, "text", [], {}])("answers problems, and never throws, for %j", (document) => {
    expect(pathsOf(document)).not.toEqual([]);
  });
});

describe("the words of a problem", () => {
  it("are there for every problem, with a way out", () => {
    const { problems } = validateMapping(aMappingDocument([aField({ target: "age", type: "integer" })]));

    expect(problems).toEqual([
      { path: "fields[0].target", problem: "Campaign computes age itself", fix: "remove the field" },
    ]);
  });

  it("never repeat a value of the document that could be a secret", () => {
    const document = aMappingDocument([aField({ source: { constant: { token: "hunter2" } }, type: "hunter2" })]);

    expect(JSON.stringify(validateMapping(document).problems)).not.toContain("hunter2");
  });

  it("speak of a document that is nested without end instead of running out of stack", () => {
    const source = Array.from({ length: 50_000 }).reduce<unknown>((inner) => ({ trim: inner }), { column: "lastname" });

    expect(validateMapping(aMappingDocument([aField({ source })])).problems).toMatchObject([
      { problem: "is nested too deeply" },
    ]);
  });
});

describe("columnsOf", () => {
  it("finds the columns in any nesting, and none in a constant", () => {
    const source = {
      first: [{ trim: { column: "a" } }, { concat: [{ column: "b" }, { constant: "-" }], separator: "" }],
    };

    expect(columnsOf(source)).toEqual(["a", "b"]);
  });
});
