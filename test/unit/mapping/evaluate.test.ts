import { describe, expect, it } from "vitest";
import type { Row } from "../../../shared/model/row.js";
import { aField, aMappingDocument, compiled } from "../../support/mappings.js";

const columns = {
  contactid: "id",
  lastname: "string",
  donotfax: {
    type: "boolean",
    options: [
      { value: 0, label: "Allow" },
      { value: 1, label: "Do Not Allow" },
    ],
  },
  gendercode: {
    type: "choice",
    options: [
      { value: 1, label: "Male" },
      { value: 2, label: "Female" },
    ],
  },
  hobbies: {
    type: "choices",
    options: [
      { value: 1, label: "Chess" },
      { value: 3, label: "Golf" },
    ],
  },
  parentcustomerid: { type: "lookup", targets: ["account", "contact"] },
  creditlimit: "money",
};

function mapOne(field: Record<string, unknown>, row: Row, changes: Record<string, unknown> = {}): unknown {
  const mapping = compiled(aMappingDocument([aField({ target: "cusField", ...field })], { columns, ...changes }));
  return mapping.map(row).always.cusField;
}

describe("expressions (B6: one column only per field)", () => {
  it.each<[string, unknown, Row, unknown]>([
    ["upper", { upper: { column: "lastname" } }, { lastname: "Øre" }, "ØRE"],
    ["lower", { lower: { column: "lastname" } }, { lastname: "LEE" }, "lee"],
    ["title", { title: { column: "lastname" } }, { lastname: "jEAN-luc o'neil VON é" }, "Jean-Luc O'neil Von É"],
    ["a case of nothing", { upper: { column: "lastname" } }, { lastname: null }, ""],
    ["a case of a number", { upper: { column: "creditlimit" } }, { creditlimit: 0 }, "0"],
    [
      "parts with 0 and false among them",
      { concat: [{ column: "creditlimit" }, { column: "donotfax" }], separator: "/" },
      { creditlimit: 0, donotfax: false },
      "0/false",
    ],
    ["false as the first", { first: [{ column: "donotfax" }, { constant: "x" }] }, { donotfax: false }, "false"],
    ["an exact value translated", { translate: { column: "lastname" }, values: { a: "b" } }, { lastname: "a" }, "b"],
    ["a value that has no translation", { translate: { column: "lastname" }, values: {} }, { lastname: "z" }, "z"],
    [
      "a value that has none, where there is otherwise",
      { translate: { column: "lastname" }, values: {}, otherwise: null },
      { lastname: "z" },
      "",
    ],
    ["nothing translated", { translate: { column: "lastname" }, values: { null: "?" } }, { lastname: null }, "?"],
    ["a translation to 0", { translate: { column: "lastname" }, values: { a: 0 } }, { lastname: "a" }, "0"],
    [
      "a translation of an expression",
      { translate: { trim: { column: "lastname" } }, values: { a: "b" } },
      { lastname: " a " },
      "b",
    ],
  ])("evaluate %s", (_what, source, row, expected) => {
    expect(mapOne({ source }, row)).toBe(expected);
  });
});

describe("choices (B24: option sets missing or unmappable)", () => {
  it("become technical values or labels, as the table says", () => {
    const gender = { source: { column: "gendercode" } };

    expect(mapOne(gender, { gendercode: 2 })).toBe("2");
    expect(mapOne(gender, { gendercode: 2 }, { picklists: "label" })).toBe("Female");
    expect(mapOne(gender, { gendercode: null }, { picklists: "label" })).toBe("");
  });

  it("become what a single source says, whatever the table says", () => {
    const as = (kind: string) => ({ source: { column: "gendercode", as: kind } });

    expect(mapOne(as("label"), { gendercode: 1 })).toBe("Male");
    expect(mapOne(as("value"), { gendercode: 1 }, { picklists: "label" })).toBe("1");
  });

  it("keep their replacements through the switch between labels and technical values", () => {
    const field = { source: { column: "gendercode" }, replacements: { "1": "gentleman" } };
    const both = ["value", "label"].map((picklists) => mapOne(field, { gendercode: 1 }, { picklists }));

    expect(both).toEqual(["gentleman", "gentleman"]);
    expect(mapOne(field, { gendercode: 2 }, { picklists: "label" })).toBe("Female");
  });

  it("keep their translation inside an expression through the switch too", () => {
    const inner = { translate: { column: "gendercode" }, values: { "1": "mr" } };

    expect(mapOne({ source: { upper: inner } }, { gendercode: 1 }, { picklists: "label" })).toBe("MR");
  });

  it("follow the misfit rule for an option whose label nobody knows", () => {
    const field = { source: { column: "gendercode", as: "label" } };

    expect(() => mapOne(field, { gendercode: 9 })).toThrow(/cusField cannot be written: the value is an option/);
    expect(mapOne({ ...field, misfit: "empty" }, { gendercode: 9 })).toBe("");
    expect(mapOne({ ...field, misfit: "skip" }, { gendercode: 9 })).toBeUndefined();
  });

  it("are not lost in an expression when a label is unknown", () => {
    const label = { column: "gendercode", as: "label" };

    for (const source of [{ trim: label }, { concat: [label], separator: "" }, { first: [label] }]) {
      expect(() => mapOne({ source }, { gendercode: 9 })).toThrow(/option without a known label/);
    }
  });

  it("have labels if they are booleans, where one is asked for", () => {
    expect(mapOne({ source: { column: "donotfax", as: "label" } }, { donotfax: false })).toBe("Allow");
    expect(mapOne({ source: { column: "donotfax", as: "label" } }, { donotfax: true })).toBe("Do Not Allow");
    expect(mapOne({ source: { column: "donotfax" } }, { donotfax: false }, { picklists: "label" })).toBe("false");
  });

  it.each<[string, Record<string, unknown>, Row, unknown]>([
    ["values as they are", {}, { hobbies: "1,3" }, "1,3"],
    ["values with a separator", { separator: "|" }, { hobbies: "1,3" }, "1|3"],
    ["labels", { as: "label" }, { hobbies: "1,3" }, "Chess; Golf"],
    ["labels with a separator", { as: "label", separator: "+" }, { hobbies: "3" }, "Golf"],
    ["nothing", { as: "label" }, { hobbies: null }, ""],
  ])("become, where several can be chosen, %s", (_what, source, row, expected) => {
    expect(mapOne({ source: { column: "hobbies", ...source } }, row)).toBe(expected);
  });

  it("are replaced one by one where several can be chosen", () => {
    const field = { source: { column: "hobbies", as: "label" }, replacements: { "3": "Tennis", null: "none" } };

    expect(mapOne(field, { hobbies: "1,3" })).toBe("Chess; Tennis");
    expect(mapOne(field, { hobbies: null })).toBe("none");
    expect(() => mapOne(field, { hobbies: "1,7" })).toThrow(/option without a known label/);
  });
});

describe("lookups (B21: polymorphic lookups make the connector unusable)", () => {
  const pointing = { parentcustomerid: "id-1", "parentcustomerid.type": "account", "parentcustomerid.name": "Contoso" };

  it.each<[string, Record<string, unknown>, unknown]>([
    ["their id", {}, "id-1"],
    ["their id where they point to the wanted table", { target: "account" }, "id-1"],
    ["nothing where they point to another table", { target: "contact" }, ""],
    ["the name of the row", { as: "name" }, "Contoso"],
    ["no name of a row of another table", { as: "name", target: "contact" }, ""],
    ["the table (B23: the type always reads null)", { as: "type" }, "account"],
  ])("become %s", (_what, source, expected) => {
    expect(mapOne({ source: { column: "parentcustomerid", ...source } }, pointing)).toBe(expected);
  });

  it("are read with no more than the mapping wants", () => {
    const lookupsOf = (source: Record<string, unknown>, targets?: string[]) => {
      const parentcustomerid = targets ? { type: "lookup", targets } : "lookup";
      const fields = [aField({ source: { column: "parentcustomerid", ...source } })];
      const mapping = compiled(aMappingDocument(fields, { columns: { contactid: "id", parentcustomerid } }));
      return [mapping.lookups, mapping.cells.filter((cell) => cell.includes("."))];
    };

    expect(lookupsOf({})).toEqual([{}, []]);
    expect(lookupsOf({ target: "account" }, ["account"])).toEqual([{}, []]);
    expect(lookupsOf({ target: "account" })).toEqual([
      { parentcustomerid: { type: true, name: false } },
      ["parentcustomerid.type"],
    ]);
    expect(lookupsOf({ as: "name" })).toEqual([
      { parentcustomerid: { type: false, name: true } },
      ["parentcustomerid.name"],
    ]);
  });
});
