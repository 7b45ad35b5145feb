import { describe, expect, it } from "vitest";
import { aField, aMappingDocument, compiled } from "../../support/mappings.js";

const fields = [
  aField(),
  aField({ source: { column: "gendercode" }, target: "gender" }),
  aField({ source: { column: "parentcustomerid", target: "account" }, target: "cusCompany" }),
  aField({ source: { column: "birthdate" }, target: "birthDate", type: "date" }),
];
const options = [
  { value: 1, label: "Male" },
  { value: 2, label: "Female" },
];
const bare = {
  contactid: "id",
  lastname: "string",
  gendercode: "choice",
  parentcustomerid: "lookup",
  birthdate: "datetime",
};

function hashOf(columns: Record<string, unknown>, changes: Record<string, unknown> = {}): string {
  return compiled(aMappingDocument(fields, { columns: { ...bare, ...columns }, ...changes })).hash;
}

describe("the hash of a mapping", () => {
  it.each<[string, Record<string, unknown>]>([
    ["a length", { lastname: { type: "string", maxLength: 50 } }],
    ["labels that no field wants", { gendercode: { type: "choice", options } }],
    ["a lookup's targets", { parentcustomerid: { type: "lookup", targets: ["account", "contact"] } }],
    ["the behaviour that a date has anyway", { birthdate: { type: "datetime", behaviour: "userLocal" } }],
    ["a column that nothing reads", { fax: "string" }],
  ])("stays the same when the metadata fill in %s", (_what, columns) => {
    expect(hashOf(columns)).toBe(hashOf({}));
  });

  it("changes with the way a column is read", () => {
    expect(hashOf({ birthdate: { type: "datetime", behaviour: "dateOnly" } })).not.toBe(hashOf({}));
  });

  it("changes with a label that a field wants, and not with the order of the labels", () => {
    const labels = { picklists: "label" };
    const renamed = [{ value: 1, label: "Man" }, ...options.slice(1)];

    const before = hashOf({ gendercode: { type: "choice", options } }, labels);

    expect(hashOf({ gendercode: { type: "choice", options: renamed } }, labels)).not.toBe(before);
    expect(hashOf({ gendercode: { type: "choice", options: options.toReversed() } }, labels)).toBe(before);
  });
});
