import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, parseRetryAfter } from "../../../shared/http/retry-timing.js";

const now = Date.parse("2026-03-01T00:00:00Z");

describe("parseRetryAfter", () => {
  it.each([
    ["3", 3_000],
    ["0", 0],
    ["1.5", 1_500],
    [" 2 ", 2_000],
    ["-5", 0],
    ["7200", 3_600_000],
    ["1e305", 3_600_000],
    ["Mon, 01 Mar 2027 00:00:00 GMT", 3_600_000],
    ["Sun, 01 Mar 2026 00:00:30 GMT", 30_000],
    ["Sat, 28 Feb 2026 23:59:00 GMT", 0],
  ])("reads %j as %i ms", (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });

  it.each([undefined, "", "  ", "soon", "NaN", "Infinity"])("finds nothing in %j", (header) => {
    expect(parseRetryAfter(header, now)).toBeUndefined();
  });

  it("answers whole milliseconds, never negative, or nothing for any header", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double().map(String), fc.date().map(String)), (header) => {
        const ms = parseRetryAfter(header, now);

        expect(ms === undefined || (Number.isInteger(ms) && ms >= 0)).toBe(true);
      }),
    );
  });
});

describe("backoffMs", () => {
  it("doubles its ceiling from 250 ms and stays at 8 s", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 50].map((attempt) => backoffMs(attempt, 1))).toEqual([
      250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000,
    ]);
  });

  it("spreads over the whole range below the ceiling", () => {
    expect([0, 0.5, 0.999].map((random) => backoffMs(3, random))).toEqual([0, 500, 999]);
  });
});
