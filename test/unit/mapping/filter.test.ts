import { describe, expect, it } from "vitest";
import type { RowValue } from "../../../shared/model/row.js";
import { aField, aMappingDocument, compiled } from "../../support/mappings.js";

const columns = {
  contactid: "id",
  lastname: "string",
  statecode: "choice",
  revenue: "money",
  donotfax: "boolean",
  birthdate: "date",
  createdon: "datetime",
  wall: { type: "datetime", behaviour: "timeZoneIndependent" },
  hobbies: "choices",
  parentcustomerid: "lookup",
};

type Condition = Record<string, unknown>;

function filtered(conditions: Condition[], join = "and") {
  return compiled(aMappingDocument([aField()], { columns, filters: { join, conditions } }));
}

const accepts = (condition: Condition, value: RowValue): boolean =>
  filtered([condition]).accepts({ [String(condition.column)]: value });

describe("a filter (B32: it limits every write, not only the first load)", () => {
  it.each<[string, string, unknown, RowValue, RowValue]>([
    ["lastname", "equals", "Lee", "LEE", "Leeds"],
    ["lastname", "notEquals", "Lee", "Leeds", "lee"],
    ["lastname", "contains", "ee", "LEEDS", "Lund"],
    ["lastname", "startsWith", "le", "Leeds", "Kleeds"],
    ["lastname", "greater", "m", "Nord", "Lee"],
    ["lastname", "in", ["Lee", "Lund"], "lund", "Nord"],
    ["lastname", "isEmpty", undefined, "", "x"],
    ["lastname", "isNotEmpty", undefined, "x", ""],
    ["statecode", "equals", 0, 0, 1],
    ["statecode", "in", [0, 2], 2, 1],
    ["revenue", "greater", 10, 10.5, 10],
    ["revenue", "greaterOrEqual", 9, 10, 8.99],
    ["revenue", "less", 10, 9, 10],
    ["revenue", "lessOrEqual", 10, 10, 10.01],
    ["revenue", "isNotEmpty", undefined, 0, null],
    ["donotfax", "equals", false, false, true],
    ["donotfax", "isNotEmpty", undefined, false, null],
    ["birthdate", "less", "1990-05-03", "1990-05-02", "1990-05-03"],
    ["createdon", "greaterOrEqual", "2026-03-01T01:00:00+01:00", "2026-03-01T00:00:00Z", "2026-02-28T23:59:59Z"],
    ["createdon", "equals", "2026-03-01", "2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z"],
    ["wall", "less", "2026-03-01T09:00:00", "2026-03-01T08:59:59", "2026-03-01T09:00:00"],
    ["hobbies", "contains", 3, "1,3", "1,33"],
    ["hobbies", "equals", "3,1", "1,3", "1"],
    [
      "parentcustomerid",
      "equals",
      "223F05EA-7593-F011-B4CC-000D3AA25840",
      "223f05ea-7593-f011-b4cc-000d3aa25840",
      "223f05ea-7593-f011-b4cc-000000000000",
    ],
  ])("on %s that asks for %s %j accepts %j and refuses %j", (column, comparison, value, good, bad) => {
    const condition = { column, comparison, ...(value !== undefined && { value }) };

    expect([accepts(condition, good), accepts(condition, bad)]).toEqual([true, false]);
  });

  it.each([
    ["equals", "x", false],
    ["notEquals", "x", true],
    ["greater", "", false],
    ["less", "x", false],
    ["contains", "", false],
    ["in", ["x", ""], false],
    ["isEmpty", undefined, true],
    ["isNotEmpty", undefined, false],
  ])("that asks for %s %j answers for an empty column: %j", (comparison, value, expected) => {
    const condition = { column: "lastname", comparison, ...(value !== undefined && { value }) };

    expect([accepts(condition, null), accepts(condition, "")]).toEqual([expected, expected]);
  });

  it("joins its conditions by and, or by or", () => {
    const conditions = [
      { column: "statecode", comparison: "equals", value: 0 },
      { column: "revenue", comparison: "greater", value: 10 },
    ];
    const rows = [
      { statecode: 0, revenue: 11 },
      { statecode: 0, revenue: 1 },
      { statecode: 1, revenue: 11 },
      { statecode: 1, revenue: 1 },
    ];

    expect(rows.map((row) => filtered(conditions, "and").accepts(row))).toEqual([true, false, false, false]);
    expect(rows.map((row) => filtered(conditions, "or").accepts(row))).toEqual([true, true, true, false]);
  });

  it("can ask for the table a lookup points to", () => {
    const mapping = filtered([{ column: "parentcustomerid", as: "type", comparison: "equals", value: "account" }]);

    expect(mapping.cells).toContain("parentcustomerid.type");
    expect(mapping.accepts({ parentcustomerid: "x", "parentcustomerid.type": "account" })).toBe(true);
    expect(mapping.accepts({ parentcustomerid: "x", "parentcustomerid.type": "contact" })).toBe(false);
  });

  it("makes its columns part of what is read, mapped or not", () => {
    const mapping = filtered([{ column: "statecode", comparison: "equals", value: 0 }]);

    expect(mapping.columns).toHaveProperty("statecode", "choice");
    expect(mapping.map({ contactid: "x", lastname: "y", statecode: 0 }).always).toEqual({ lastName: "y" });
  });

  it("is not there: every row is accepted, and a record is left alone unless the mapping says delete", () => {
    const mapping = compiled(aMappingDocument());

    expect(mapping.accepts({})).toBe(true);
    expect(mapping.whenFilteredOut).toBe("leave");
    expect(compiled(aMappingDocument([aField()], { whenFilteredOut: "delete" })).whenFilteredOut).toBe("delete");
  });
});
