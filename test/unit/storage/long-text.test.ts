import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { joinText, splitText } from "../../../shared/storage/long-text.js";

describe("long text in properties", () => {
  it.each([0, 1, 31_999, 32_000, 32_001, 64_000, 100_000])("comes back whole when it has %i characters", (length) => {
    const text = Array.from({ length }, (_, index) => String.fromCharCode(97 + (index % 26))).join("");

    const parts = splitText("text", text);

    expect(joinText("text", parts) === text).toBe(true);
    expect(Math.max(...Object.values(parts).map((part) => String(part).length))).toBeLessThanOrEqual(32_000);
  });

  it("is never cut through a surrogate pair, whose halves would not survive the way to the store", () => {
    fc.assert(
      fc.property(fc.integer({ min: 31_990, max: 32_010 }), (before) => {
        const text = `${"x".repeat(before)}${"😀".repeat(20)}`;
        const parts = Object.values(splitText("text", text)).map(String);

        expect(parts.filter((part) => /\p{Surrogate}/u.test(part))).toEqual([]);
        expect(parts.join("") === text).toBe(true);
      }),
    );
  });

  it("is not there when nothing was put under its name", () => {
    expect(joinText("text", { other: "x", text__1: "y" })).toBeUndefined();
  });
});
