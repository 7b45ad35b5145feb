import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differencesOf } from "../../../shared/mapping/differences.js";

describe("differences of two documents", () => {
  it.each<[string, unknown, unknown, unknown[]]>([
    ["a value", { a: { b: 1 } }, { a: { b: 2 } }, [{ path: "a.b", from: 1, to: 2 }]],
    ["what is new", {}, { a: false }, [{ path: "a", to: false }]],
    ["what is gone", { a: null }, {}, [{ path: "a", from: null }]],
    [
      "an item of a list",
      { a: [1, 2] },
      { a: [1, 3, 4] },
      [
        { path: "a[1]", from: 2, to: 3 },
        { path: "a[2]", to: 4 },
      ],
    ],
    ["a list where a value was", { a: 1 }, { a: [1] }, [{ path: "a", from: 1, to: [1] }]],
    [
      "a field put before others",
      { fields: [{ target: "x", maxLength: 1 }] },
      { fields: [{ target: "y" }, { target: "x", maxLength: 2 }] },
      [
        { path: "fields[x].maxLength", from: 1, to: 2 },
        { path: "fields[y]", to: { target: "y" } },
      ],
    ],
    [
      "nothing, where only properties or fields stand in another order",
      { a: 1, f: [{ target: "x" }, { target: "y" }] },
      { f: [{ target: "y" }, { target: "x" }], a: 1 },
      [],
    ],
  ])("name %s", (_what, from, to, expected) => {
    expect(differencesOf(from, to)).toEqual(expected);
  });

  it("are none between equal documents, and some between others", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(differencesOf(a, structuredClone(a))).toEqual([]);
        const isEqual = JSON.stringify(a) === JSON.stringify(b);
        if (isEqual) expect(differencesOf(a, b)).toEqual([]);
        else if (typeof a !== "object" || typeof b !== "object") expect(differencesOf(a, b)).not.toEqual([]);
      }),
    );
  });
});
