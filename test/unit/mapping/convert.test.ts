import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { convertValue, emptyValues, type FieldValue, type ScalarType } from "../../../shared/mapping/convert.js";

import type { RowValue } from "../../../shared/model/row.js";

const types = Object.keys(emptyValues) as ScalarType[];

describe("convertValue", () => {
  // The matrix of facts/campaign.md §11, row by row.
  it.each<[RowValue, ScalarType, FieldValue]>([
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

  it.each<[RowValue, ScalarType]>([
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
    const wire = {
      string: "string",
      integer: "number",
      float: "number",
      double: "number",
      boolean: "boolean",
    } as Record<string, string>;
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

describe("the ranges of Campaign's numbers", () => {
  it.each<["byte" | "short" | "int32" | "int64", number, number]>([
    ["byte", -128, 127],
    ["short", -32_768, 32_767],
    ["int32", -2_147_483_648, 2_147_483_647],
    ["int64", -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])("end %s at %d and %d", (size, least, most) => {
    const fits = (value: number) => "value" in convertValue(value, "integer", { size });

    expect([least - 1, least, most, most + 1].map(fits)).toEqual([false, true, true, false]);
  });

  it("round halves away from zero, and never to a negative zero", () => {
    const rounded = [0.5, -0.5, -0.4, 2.5, -2.5].map((value) => convertValue(value, "integer"));

    expect(rounded).toEqual([1, -1, 0, 3, -3].map((value) => ({ value })));
  });

  it("end a float where 32 bits end, and a double where 64 do", () => {
    expect(convertValue(1e39, "float")).toHaveProperty("misfit");
    expect(convertValue(-1e39, "float")).toHaveProperty("misfit");
    expect(convertValue(1e39, "double")).toEqual({ value: 1e39 });
  });

  it.each([
    [1e21, "1000000000000000000000"],
    [1.5e-7, "0.00000015"],
    [-2.25e22, "-22500000000000000000000"],
    [0.1, "0.1"],
    [100_000_000_000_000, "100000000000000"],
    [0, "0"],
  ])("become text with a dot and all their digits: %d", (value, text) => {
    expect(convertValue(value, "string")).toEqual({ value: text });
  });

  it("keep every amount Dynamics can hold when they become text", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const converted = convertValue(value, "string");

        expect("value" in converted && Number(converted.value)).toBe(value + 0);
        expect(JSON.stringify(converted)).not.toMatch(/[eE][+-]?\d/);
      }),
    );
  });
});

describe("dates without zone (B19: a time zone independent value comes back with Z)", () => {
  it.each<[string, ScalarType, string]>([
    ["2026-03-01T23:30:00", "datetime", "2026-03-01 23:30:00.000Z"],
    ["2026-03-01T23:30:00", "date", "2026-03-01"],
    ["2026-03-01T23:30:00", "string", "2026-03-01T23:30:00"],
    ["2026-03-01T23:30", "datetime", "2026-03-01 23:30:00.000Z"],
  ])("keep their digits: %s as %s", (value, type, expected) => {
    expect(convertValue(value, type, { zoneless: true })).toEqual({ value: expected });
  });

  it.each(["2026-03-01T25:00:00", "2026-13-01T00:00:00", "2026-03-01 10:00:00", "2026-03-01T10:60:00"])(
    "are still refused when they are no time: %s",
    (value) => {
      const converted = convertValue(value, "datetime", { zoneless: true });

      expect(converted).toEqual({ misfit: "is not a date and time" });
    },
  );
});

describe("conversion in any time zone of the process (B18: dates a day early)", () => {
  it.each([
    ["UTC", 0],
    ["Pacific/Kiritimati", -840],
    ["Pacific/Niue", 660],
    ["Europe/Berlin", -60],
    ["America/St_Johns", 210],
  ])("is the same in %s", (zone, offset) => {
    const before = process.env.TZ;
    process.env.TZ = zone;
    try {
      expect(new Date("2026-01-01T00:00:00Z").getTimezoneOffset()).toBe(offset);

      const answers = [
        convertValue("1990-05-03", "date"),
        convertValue("1990-05-03", "datetime"),
        convertValue("2026-03-29T00:30:00Z", "date"),
        convertValue("2026-03-29T00:30:00.5Z", "datetime"),
        convertValue("2026-03-29T02:30:00", "datetime", { zoneless: true }),
        convertValue("2026-03-29T02:30:00.5", "date", { zoneless: true }),
      ];

      expect(answers.map((answer) => "value" in answer && answer.value)).toEqual([
        "1990-05-03",
        "1990-05-03 00:00:00.000Z",
        "2026-03-29",
        "2026-03-29 00:30:00.500Z",
        "2026-03-29 02:30:00.000Z",
        "2026-03-29",
      ]);
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });
});
