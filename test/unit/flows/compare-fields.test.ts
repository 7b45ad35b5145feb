import { describe, expect, it } from "vitest";
import { compareFields } from "../../../shared/flows/compare-fields.js";
import type { CompiledMapping, Fields, MappedRow } from "../../../shared/mapping/compile.js";

type Type = CompiledMapping["targets"][string];
type Value = Fields[string] | undefined;

function compared(type: Type, wanted: Fields[string], held: Value): string {
  const row: MappedRow = { always: { field: wanted }, insertOnly: {}, warnings: [] };
  const { differing, altered, unseen } = compareFields(
    { targets: { field: type } },
    row,
    held === undefined ? {} : { field: held },
  );
  if (differing.length > 0) return "differing";
  if (altered.length > 0) return "altered";
  return unseen.length > 0 ? "unseen" : "equal";
}

describe("comparing a field with what Campaign holds", () => {
  it.each<[string, Type, Fields[string], Value]>([
    ["an empty text and a field Campaign does not show", "string", "", undefined],
    ["0 and a number that is not set", "integer", 0, ""],
    ["false and a boolean that is not set", "boolean", false, ""],
    ["true and its spelling as 1", "boolean", true, 1],
    ["no date and an empty date", "date", "", ""],
    ["no link and a link that is not set", "link", null, null],
    ["no link and a link that Campaign does not show", "link", null, undefined],
    ["numbers in two spellings", "double", 12.5, "12.50"],
    ["0 and -0", "double", 0, -0],
    ["a number and what single precision made of it", "float", 0.1, 0.100_000_001_490_116_12],
    [
      "an instant with a space and one with T and offset",
      "datetime",
      "2026-03-01 10:00:00.000Z",
      "2026-03-01T11:00:00+01:00",
    ],
    [
      "an instant and the same without milliseconds and zone",
      "datetime",
      "2026-03-01 10:00:00.000Z",
      "2026-03-01 10:00:00",
    ],
    ["midnight and the day alone", "datetime", "2026-03-01 00:00:00.000Z", "2026-03-01"],
    ["a day and its midnight as an instant", "date", "2026-03-01", "2026-03-01 00:00:00.000Z"],
    ["equal names of an enumeration", "enumeration", "male", "male"],
    ["no name and the enumeration's name for nothing", "enumeration", "", "unknown"],
    ["no name and the other name for nothing", "enumeration", "", "none"],
    ["a link by the key that Campaign shows", "link", { key: "k-1" }, { key: "k-1" }],
  ])("finds %s equal", (_what, type, wanted, held) => {
    expect(compared(type, wanted, held)).toBe("equal");
  });

  it.each<[string, Type, Fields[string], Value]>([
    ["two texts", "string", "Lee", "Leu"],
    ["a text and nothing", "string", "Lee", undefined],
    ["nothing and a text", "string", "", "Lee"],
    ["a name that lost its capital", "string", "Lee", "lEe"],
    ["two numbers", "integer", 1, 2],
    ["a number and something that is none", "integer", 0, "x"],
    ["numbers that differ beyond single precision", "double", 0.1, 0.100_000_001_490_116_12],
    ["true and a boolean that is not set", "boolean", true, ""],
    ["two days", "date", "2026-03-01", "2026-03-02"],
    ["two instants a millisecond apart", "datetime", "2026-03-01 10:00:00.000Z", "2026-03-01 10:00:00.001Z"],
    ["an instant and none", "datetime", "2026-03-01 10:00:00.000Z", ""],
    ["names of an enumeration that differ in capitals", "enumeration", "Europe_Paris", "europe_paris"],
    ["a name and the name for nothing", "enumeration", "male", "unknown"],
    ["a link and none", "link", { key: "k-1" }, null],
    ["no link and a link", "link", null, { key: "@abc" }],
    ["links to different keys that Campaign shows", "link", { key: "k-1" }, { key: "k-2" }],
  ])("finds %s different", (_what, type, wanted, held) => {
    expect(compared(type, wanted, held)).toBe("differing");
  });

  it.each<[string, string, string]>([
    ["smart capitals", "anna-maria o'neil van der lee", "Anna-Maria O'Neil Van Der Lee"],
    ["smart capitals that lower the rest", "LEE McDonald", "Lee Mcdonald"],
    ["capitals only", "ab 12", "AB 12"],
    ["small letters only", "Ann@Example.com", "ann@example.com"],
    ["outer spaces taken away", " Lee ", "Lee"],
    ["inner spaces drawn together", "van  der Lee", "van der Lee"],
  ])("takes what a data policy made of a text for unchanged, and reports it: %s", (_what, wanted, held) => {
    expect(compared("string", wanted, held)).toBe("altered");
  });

  it("cannot see to whom a link leads that Campaign shows by its encrypted key", () => {
    expect(compared("link", { key: "k-1" }, { key: "@7f0c" })).toBe("unseen");
  });

  it("compares insert-only fields where asked and nowhere else, and names what it found with both values", () => {
    const mapping = { targets: { "location.city": "string", source: "string" } } as const;
    const wanted: MappedRow = { always: { "location.city": "Lyon" }, insertOnly: { source: "crm" }, warnings: [] };
    const held = { "location.city": "Paris", source: "web", other: "x" };

    const plain = compareFields(mapping, wanted, held);
    const asked = compareFields(mapping, wanted, held, { insertOnly: true });

    expect(plain.differing).toEqual([{ field: "location.city", before: "Paris", after: "Lyon" }]);
    expect(asked.differing.map(({ field }) => field)).toEqual(["location.city", "source"]);
  });
});
