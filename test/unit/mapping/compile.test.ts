import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coversMapping, isMergedAway } from "../../../shared/mapping/compile.js";
import type { Row } from "../../../shared/model/row.js";
import { aField, aMappingDocument, compiled } from "../../support/mappings.js";

const mapOne = (field: Record<string, unknown>, row: Row) => compiled(aMappingDocument([aField(field)])).map(row);

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

describe("mapping a row", () => {
  it("writes an unknown or empty column as the empty value of its target", () => {
    expect(mapOne({}, {}).always).toEqual({ lastName: "" });
    expect(mapOne({}, { lastname: null }).always).toEqual({ lastName: "" });
  });

  it("parts fields that are written always from those written on insert only", () => {
    const mapping = compiled(
      aMappingDocument([
        aField(),
        aField({ source: { column: "firstname" }, target: "firstName", applyUpdates: false }),
      ]),
    );

    const mapped = mapping.map({ lastname: "Example", firstname: "Ada" });

    expect(mapped).toEqual({ always: { lastName: "Example" }, insertOnly: { firstName: "Ada" }, warnings: [] });
  });

  it.each<[string, unknown, Row, unknown]>([
    ["a constant", { constant: 0 }, {}, "0"],
    ["trimmed text", { trim: { column: "lastname" } }, { lastname: "  Ada  " }, "Ada"],
    [
      "the first that is not empty",
      { first: [{ column: "lastname" }, { column: "firstname" }] },
      { lastname: "", firstname: "Ada" },
      "Ada",
    ],
    [
      "zero as the first that is not empty",
      { first: [{ column: "gendercode" }, { constant: 9 }] },
      { gendercode: 0 },
      "0",
    ],
    ["nothing when all are empty", { first: [{ column: "lastname" }] }, { lastname: null }, ""],
    [
      "a trimmed blank as empty",
      { first: [{ trim: { column: "lastname" } }, { constant: "none" }] },
      { lastname: "  " },
      "none",
    ],
    [
      "parts joined without the empty ones",
      { concat: [{ column: "firstname" }, { column: "lastname" }], separator: " " },
      { firstname: null, lastname: "E" },
      "E",
    ],
    [
      "parts joined in order",
      { concat: [{ column: "firstname" }, { column: "lastname" }], separator: ", " },
      { firstname: "A", lastname: "E" },
      "A, E",
    ],
    ["nothing when every part is empty", { concat: [{ column: "firstname" }], separator: " " }, {}, ""],
  ])("evaluates %s", (_what, source, row, expected) => {
    expect(mapOne({ source }, row).always).toEqual({ lastName: expected });
  });

  it.each<[string | number | null, string]>([
    [1, "male"],
    [2, "female"],
    [3, "other"],
    [null, "unknown"],
  ])("replaces the source value %j by %j", (gendercode, expected) => {
    const replacements = { "1": "male", "2": "female", null: "unknown" };

    const { always } = mapOne(
      { source: { column: "gendercode" }, target: "gender", type: "enumeration", replacements, otherwise: "other" },
      { gendercode },
    );

    expect(always).toEqual({ gender: expected });
  });

  it("does not take a replacement from what every object inherits", () => {
    expect(mapOne({ replacements: { a: "b" } }, { lastname: "constructor" }).always).toEqual({
      lastName: "constructor",
    });
  });

  it("replaces by false and 0 as by anything else", () => {
    const mapped = mapOne({ target: "cusFlag", type: "boolean", replacements: { yes: false } }, { lastname: "yes" });

    expect(mapped.always).toEqual({ cusFlag: false });
  });
});

describe("a value that does not fit", () => {
  const tooLong = { lastname: "Lovelace" };

  it("is refused with code mapping, naming the field and never the value, when the field says so", () => {
    expect(() => mapOne({ maxLength: 4 }, tooLong)).toThrow(
      expect.objectContaining({
        kind: "refused",
        code: "mapping",
        message: expect.stringMatching(/lastName(?!.*Lovelace)/),
      }),
    );
  });

  it("is cut to the longest length with a warning when the field truncates", () => {
    expect(mapOne({ maxLength: 4, misfit: "truncate" }, tooLong)).toEqual({
      always: { lastName: "Love" },
      insertOnly: {},
      warnings: ["lastName truncated to 4"],
    });
  });

  it("is not cut through an emoji", () => {
    expect(mapOne({ maxLength: 2, misfit: "truncate" }, { lastname: "a🙂b" }).always).toEqual({ lastName: "a" });
  });

  it("is left out with a warning when the field skips", () => {
    const mapped = mapOne({ maxLength: 4, misfit: "skip" }, tooLong);

    expect(mapped).toEqual({
      always: {},
      insertOnly: {},
      warnings: [expect.stringMatching(/lastName left out(?!.*Lovelace)/)],
    });
  });

  it("is emptied with a warning when the field empties", () => {
    const mapped = mapOne({ type: "integer", misfit: "empty" }, tooLong);

    expect(mapped).toEqual({ always: { lastName: 0 }, insertOnly: {}, warnings: [expect.stringMatching(/emptied/)] });
  });

  it("is refused when it is of the wrong kind, although the field truncates what is too long", () => {
    expect(() => mapOne({ type: "date", maxLength: 4, misfit: "truncate" }, tooLong)).toThrow(/lastName/);
  });

  it("never becomes longer than the target takes, and never ends in half a character", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 60 }),
        fc.integer({ min: 1, max: 40 }),
        (lastname, maxLength) => {
          const text = String(mapOne({ maxLength, misfit: "truncate" }, { lastname }).always.lastName);

          expect(text.length).toBeLessThanOrEqual(maxLength);
          expect(lastname.startsWith(text)).toBe(true);
          expect(Buffer.from(text).toString()).toBe(text);
        },
      ),
    );
  });
});

describe("a compiled mapping", () => {
  it("never changes the row it maps, and maps it the same way twice", () => {
    const mapping = compiled(
      aMappingDocument([
        aField({ maxLength: 5, misfit: "truncate" }),
        aField({ source: { column: "birthdate" }, target: "birthDate", type: "date", misfit: "skip" }),
      ]),
    );
    const values = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    fc.assert(
      fc.property(fc.record({ lastname: values, birthdate: values }, { requiredKeys: [] }), (row) => {
        const before = structuredClone(row);

        const first = mapping.map(Object.freeze(row));

        expect(row).toEqual(before);
        expect(mapping.map(row)).toEqual(first);
      }),
    );
  });

  it("reads a column that changed its type under another column set, for rows in flight are spelled the old way", () => {
    const columns = (createdon: unknown) => ({ columns: { contactid: "id", lastname: "string", createdon } });
    const sets = ["datetime", { type: "datetime", behaviour: "timeZoneIndependent" }, "date"].map(
      (type) => compiled(aMappingDocument([aField({ source: { column: "createdon" } })], columns(type))).columnSet,
    );

    expect(new Set(sets).size).toBe(3);
  });

  it("changes nothing it is made of: a frozen document maps frozen rows", () => {
    const document = JSON.parse(readFileSync("docs/examples/acme-vehicle.json", "utf8"));
    const row: Row = { acme_fuel: 727000001, acme_extras: "1,3", acme_seats: 300, acme_price: 0 };

    const mapping = compiled(deepFreeze(document));

    expect(mapping.map(Object.freeze(row))).toEqual(mapping.map({ ...row }));
    expect(mapping.map(row)).toEqual({
      always: {
        vehicleName: "",
        fuel: "Diesel",
        extras: "Towbar, Winter tyres",
        firstRegistration: "",
        keeperCompany: "",
        profileExternalId: "",
        dealer: null,
      },
      insertOnly: { price: 0 },
      warnings: ["seats left out: the value is outside the range of byte"],
    });
  });

  it("reads the id, the columns its sources use and, for a table that can be merged, whether the row was", () => {
    expect(compiled(aMappingDocument()).columns).toEqual({ contactid: "id", lastname: "string", merged: "boolean" });
  });

  it("reads no merge column of a table that cannot be merged", () => {
    const table = { name: "acme_visit", set: "acme_visits", id: "contactid" };

    expect(compiled(aMappingDocument([aField()], { table })).columns).toEqual({ contactid: "id", lastname: "string" });
  });

  it("gets another hash from any change, and another column set only from other columns", () => {
    const [one, same, longer, wider] = [
      compiled(aMappingDocument()),
      compiled(aMappingDocument()),
      compiled(aMappingDocument([aField({ maxLength: 10 })])),
      compiled(aMappingDocument([aField(), aField({ source: { column: "firstname" }, target: "firstName" })])),
    ];

    expect(same.hash).toBe(one.hash);
    expect(longer.hash).not.toBe(one.hash);
    expect(longer.columnSet).toBe(one.columnSet);
    expect(wider.columnSet).not.toBe(one.columnSet);
  });

  it("deletes the way it addresses unless another way is set", () => {
    const deleteAddress = { by: "filter", filter: "byExternalId", parameter: "externalId" };
    const key = { field: "externalId", address: { by: "uri" } };

    expect(compiled(aMappingDocument([aField()], { key })).key.deleteAddress).toEqual({ by: "uri" });
    expect(compiled(aMappingDocument([aField()], { key: { ...key, deleteAddress } })).key.deleteAddress).toEqual(
      deleteAddress,
    );
  });
});

describe("coversMapping", () => {
  const mapping = compiled(aMappingDocument());

  it("is true when every column is there, empty ones included", () => {
    expect(coversMapping({ contactid: "x", lastname: null, merged: false }, mapping)).toBe(true);
  });

  it("is false when a column is unknown (B25: sparse columns silently vanish)", () => {
    expect(coversMapping({ contactid: "x", merged: false }, mapping)).toBe(false);
  });
});

describe("isMergedAway", () => {
  it("is true only of a row that says so itself", () => {
    expect([{ merged: true }, { merged: false }, { merged: null }, {}].map(isMergedAway)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
