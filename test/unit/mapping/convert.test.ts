import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { convertValue, emptyValues, type FieldValue } from "../../../shared/mapping/convert.js";
import type { FieldMapping } from "../../../shared/mapping/table-mapping.js";
import type { RowValue } from "../../../shared/model/row.js";

const types = Object.keys(emptyValues) as FieldMapping["type"][];

describe("convertValue", () => {
  // The matrix of facts/campaign.md §11, row by row.
  it.each<[RowValue, FieldMapping["type"], FieldValue]>([
    [true, "boolean", true],
    [true, "integer", 1],
    [false, "integer", 0],
    [true, "string", "true"],
    [false, "string", "false"],
    [0, "boolean", false],
    [1, "boolean", true],
    [42, "integer", 42],
    [42, "float", 42],
    [42, "string", "42"],
    [2.5, "integer", 3],
    [-2.4, "integer", -2],
    [1234.5, "float", 1234.5],
    [1234.5, "string", "1234.5"],
    ["true", "boolean", true],
    ["False", "boolean", false],
    ["1", "boolean", true],
    ["0", "boolean", false],
    [" 12 ", "integer", 12],
    ["-1.5", "float", -1.5],
    ["text", "string", "text"],
    ["2026-02-28", "date", "2026-02-28"],
    ["2026-02-28", "datetime", "2026-02-28 00:00:00.000Z"],
    ["2026-02-28", "string", "2026-02-28"],
    ["2026-03-01T23:30:00Z", "date", "2026-03-01"],
    ["2026-03-01T23:30:00-02:00", "date", "2026-03-02"],
    ["2026-03-01T12:00:00Z", "datetime", "2026-03-01 12:00:00.000Z"],
    ["2026-03-01T12:00:00.250+01:00", "datetime", "2026-03-01 11:00:00.250Z"],
    [2, "enumeration", "2"],
  ])("turns %j as %s into %j", (value, type, expected) => {
    expect(convertValue(value, type)).toEqual({ value: expected });
  });

  it.each<[RowValue, FieldMapping["type"]]>([
    [2, "boolean"],
    ["yes", "boolean"],
    ["", "boolean"],
    [true, "float"],
    ["", "integer"],
    ["twelve", "integer"],
    ["1,5", "float"],
    ["NaN", "float"],
    ["Infinity", "float"],
    [1e300, "integer"],
    ["01/03/2026", "date"],
    ["2026-02-30", "date"],
    ["2026-02-30T10:00:00Z", "date"],
    ["2026-04-31T00:00:00Z", "datetime"],
    ["2026-03-01T12:00:00", "datetime"],
    ["9999-12-31T23:59:59-01:00", "datetime"],
    [20260301, "date"],
    [true, "date"],
  ])("says that %j does not fit %s, without repeating it", (value, type) => {
    const converted = convertValue(value, type);

    expect(converted).toEqual({ misfit: expect.any(String) });
    expect(JSON.stringify(converted)).not.toContain(`"${String(value)}"`);
  });

  it("turns a missing value into the empty value of each type, never into null", () => {
    expect(types.map((type) => convertValue(null, type))).toEqual(types.map((type) => ({ value: emptyValues[type] })));
    expect(Object.values(emptyValues)).not.toContain(null);
  });

  it("keeps false, 0 and empty text as they are", () => {
    expect(convertValue(false, "boolean")).toEqual({ value: false });
    expect(convertValue(0, "integer")).toEqual({ value: 0 });
    expect(convertValue("", "string")).toEqual({ value: "" });
    expect(convertValue("", "date")).toEqual({ value: "" });
  });

  it("is total: any value and type give a value of the target's type or a misfit", () => {
    const wire = { string: "string", integer: "number", float: "number", boolean: "boolean" } as Record<string, string>;
    const anything = fc.oneof(
      fc.string(),
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.date().map(String),
    );
    fc.assert(
      fc.property(anything, fc.constantFrom(...types), (value, type) => {
        const converted = convertValue(value, type);

        if ("value" in converted) expect(typeof converted.value).toBe(wire[type] ?? "string");
        else expect(converted.misfit).not.toBe("");
      }),
    );
  });

  it("writes any instant Dynamics can send as the same instant in Campaign's spelling", () => {
    const instants = fc.date({
      min: new Date("1753-01-01"),
      max: new Date("9999-12-31T23:59:59Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(instants, (instant) => {
        const converted = convertValue(instant.toISOString(), "datetime");

        expect(converted).toEqual({ value: expect.stringMatching(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}Z$/) });
        expect("value" in converted && Date.parse(String(converted.value).replace(" ", "T"))).toBe(instant.getTime());
      }),
    );
  });
});
