import { describe, expect, it } from "vitest";
import type { ColumnEntry } from "../../../shared/mapping/table-mapping.js";
import type { ColumnMetadata, TableMetadata } from "../../../shared/mapping/table-metadata.js";
import { examineMapping } from "../../../shared/mapping/validate.js";
import { type FilledMapping, type MetadataRules, withMetadata } from "../../../shared/mapping/with-metadata.js";
import { aField, aMappingDocument } from "../../support/mappings.js";

const english: MetadataRules = { language: 1033, tracking: true };

function option(value: number, labels: Readonly<Record<number, string>>) {
  return {
    value,
    labels: new Map(Object.entries(labels).map(([language, text]) => [Number(language), text] as const)),
  };
}

const day: ColumnMetadata = {
  type: "datetime",
  kind: "DateTime",
  readable: true,
  behaviour: "dateOnly",
  showsDayOnly: true,
};
const known: Readonly<Record<string, ColumnMetadata>> = {
  contactid: { type: "id", kind: "Uniqueidentifier", readable: true },
  lastname: { type: "string", kind: "String", readable: true, maxLength: 50 },
  gendercode: {
    type: "choice",
    kind: "Picklist",
    readable: true,
    options: [option(2, { 1033: "Female", 1031: "Weiblich" }), option(1, { 1033: "Male" })],
  },
  parentcustomerid: { type: "lookup", kind: "Customer", readable: true, targets: ["contact", "account"] },
  birthdate: day,
  entered: { ...day, behaviour: "userLocal", showsDayOnly: false },
  oldday: { ...day, behaviour: "userLocal" },
  creditlimit: { type: "money", kind: "Money", readable: true },
  entityimage: { type: undefined, kind: "Image", readable: true },
  secret: { type: "string", kind: "String", readable: false },
};

function fill(
  columns: Readonly<Record<string, ColumnEntry>>,
  { rules = english, table = {} }: { rules?: MetadataRules; table?: Partial<TableMetadata> } = {},
): FilledMapping {
  const document = aMappingDocument([aField()], { columns: { contactid: "id", lastname: "string", ...columns } });
  const { mapping } = examineMapping(document);
  if (!mapping) throw new Error("the test's document has the wrong shape");
  const metadata: TableMetadata = {
    name: "contact",
    set: "contacts",
    id: "contactid",
    changeTracking: "on",
    columns: new Map(Object.entries(known)),
    ...table,
  };
  return withMetadata(mapping, metadata, rules);
}

describe("filling a mapping in from the metadata", () => {
  it.each<[string, ColumnEntry, ColumnEntry]>([
    ["lastname", "string", { type: "string", maxLength: 50 }],
    [
      "gendercode",
      "choice",
      {
        type: "choice",
        options: [
          { value: 1, label: "Male" },
          { value: 2, label: "Female" },
        ],
      },
    ],
    ["parentcustomerid", "lookup", { type: "lookup", targets: ["account", "contact"] }],
    ["birthdate", "datetime", { type: "datetime", behaviour: "dateOnly" }],
    ["birthdate", "date", "date"],
    ["entered", "datetime", { type: "datetime", behaviour: "userLocal" }],
    ["creditlimit", "money", "money"],
  ])("makes of %s, given as %j, %j", (name, entry, filled) => {
    const { mapping, problems, warnings } = fill({ [name]: entry });

    expect(mapping.columns[name]).toEqual(filled);
    expect([problems, warnings]).toEqual([[], []]);
  });

  it("changes nothing when it fills in what is filled in already", () => {
    const once = fill({ gendercode: "choice", parentcustomerid: "lookup", entered: "datetime" });

    const twice = fill(once.mapping.columns);

    expect(twice).toEqual(once);
  });

  it("takes labels of the language asked for only, and warns of options that have none", () => {
    const { mapping, warnings } = fill({ gendercode: "choice" }, { rules: { language: 1031, tracking: true } });

    expect(mapping.columns.gendercode).toEqual({ type: "choice", options: [{ value: 2, label: "Weiblich" }] });
    expect(warnings).toMatchObject([{ path: "columns.gendercode", problem: "no label in language 1031 for 1" }]);
  });

  it("leaves the options open when no label is in the language, so that validation names where one is needed", () => {
    const { mapping } = fill({ gendercode: "choice" }, { rules: { language: 1036, tracking: true } });

    expect(mapping.columns.gendercode).toBe("choice");
  });

  it("keeps the options that the document lists, and warns where Dynamics has others", () => {
    const entry: ColumnEntry = { type: "choice", options: [1, 3].map((value) => ({ value, label: `own ${value}` })) };

    const { mapping, warnings } = fill({ gendercode: entry });

    expect(mapping.columns.gendercode).toEqual(entry);
    expect(warnings.map(({ path, problem }) => [path, problem])).toEqual([
      ["columns.gendercode.options", "Dynamics has no option 3"],
      ["columns.gendercode.options", "the document does not list option 2 of Dynamics"],
    ]);
  });

  it.each<[string, ColumnEntry, ColumnEntry, string]>([
    ["lastname", { type: "string", maxLength: 60 }, { type: "string", maxLength: 50 }, "columns.lastname.maxLength"],
    [
      "parentcustomerid",
      { type: "lookup", targets: ["contact"] },
      { type: "lookup", targets: ["account", "contact"] },
      "columns.parentcustomerid.targets",
    ],
  ])("believes the metadata of %s more than %j, and warns", (name, entry, filled, path) => {
    const { mapping, problems, warnings } = fill({ [name]: entry });

    expect(mapping.columns[name]).toEqual(filled);
    expect(problems).toEqual([]);
    expect(warnings.map((warning) => warning.path)).toEqual([path]);
  });

  it("warns of a day that Dynamics keeps as a moment", () => {
    const { problems, warnings } = fill({ oldday: "date" });

    expect(problems).toEqual([]);
    expect(warnings).toMatchObject([{ path: "columns.oldday", problem: expect.stringContaining("a day early") }]);
  });

  it.each<[string, ColumnEntry, string, string]>([
    ["foo", "string", "columns.foo", "is not a column of contact"],
    ["creditlimit", "decimal", "columns.creditlimit", "type differs: in Dynamics it is Money"],
    ["entered", "date", "columns.entered", "type differs: in Dynamics it is DateTime"],
    ["gendercode", "choices", "columns.gendercode", "type differs: in Dynamics it is Picklist"],
    ["entityimage", "string", "columns.entityimage", "is a column of kind Image, which no mapping can read"],
    ["secret", "string", "columns.secret", "cannot be read through the Web API"],
    [
      "birthdate",
      { type: "datetime", behaviour: "userLocal" },
      "columns.birthdate.behaviour",
      "differs: in Dynamics it is dateOnly",
    ],
    [
      "parentcustomerid",
      { type: "lookup", targets: ["contact", "lead"] },
      "columns.parentcustomerid.targets",
      "never points to lead",
    ],
  ])("refuses %s as %j and names it by its path", (name, entry, path, problem) => {
    const { problems } = fill({ [name]: entry });

    expect(problems).toMatchObject([{ path, problem }]);
  });

  it.each<[Partial<TableMetadata>, string, string]>([
    [{ set: "people" }, "table.set", "the entity set of contact is people"],
    [{ id: "personid" }, "table.id", "the id column of contact is personid"],
    [{ changeTracking: "off" }, "table.name", "change tracking of contact is off"],
    [{ changeTracking: "impossible" }, "table.name", "change tracking of contact is off and cannot be switched on"],
  ])("refuses the table when Dynamics says %j", (table, path, problem) => {
    expect(fill({}, { table }).problems).toMatchObject([{ path, problem }]);
  });

  it("says the fix for change tracking that is off, and is silent where it is about to be switched on", () => {
    const table = { changeTracking: "off" } as const;

    expect(fill({}, { table }).problems[0]?.fix).toContain("npm run dataverse:apply");
    expect(fill({}, { table, rules: { language: 1033, tracking: false } }).problems).toEqual([]);
  });

  it("names a table that does not exist once, and not each of its columns", () => {
    const { mapping } = examineMapping(aMappingDocument());
    if (!mapping) throw new Error("the test's document has the wrong shape");

    expect(withMetadata(mapping, undefined, english)).toMatchObject({
      mapping,
      problems: [{ path: "table.name", problem: "Dynamics has no table contact" }],
    });
  });

  it("leaves the document it was given as it was", () => {
    const { mapping } = examineMapping(aMappingDocument());
    const before = JSON.stringify(mapping);

    fill(mapping?.columns ?? {});

    expect(JSON.stringify(mapping)).toBe(before);
  });
});
