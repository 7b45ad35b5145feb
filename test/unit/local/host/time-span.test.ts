import { describe, expect, it } from "vitest";
import { formatTimeSpan, parseTimeSpan } from "../../../../infra/local/host/config/time-span.js";

const HOUR = 3_600_000;

describe("parsing a .NET time span", () => {
  it.each([
    ["00:05:00", 300_000],
    ["1:30", 1.5 * HOUR],
    ["00:00:30.250", 30_250],
    ["00:00:00.0000009", 0],
    ["1.02:00:00", 26 * HOUR],
    ["2:00:00:00", 48 * HOUR],
    ["24:00:00", 24 * 24 * HOUR],
    ["-00:00:01", -1_000],
  ])("reads %s as %d ms", (text, expected) => {
    expect(parseTimeSpan(text)).toBe(expected);
  });

  it.each(["", "5", "0 */5 * * * *", "00:60:00", "00:00:60", "1.24:00:00", "1.2:00:00:00", "a:b:c"])(
    "does not read %j",
    (text) => {
      expect(parseTimeSpan(text)).toBeUndefined();
    },
  );
});

describe("writing a .NET time span", () => {
  it.each([
    [300_000, "00:05:00"],
    [26 * HOUR, "1.02:00:00"],
    [250, "00:00:00.2500000"],
    [-1_000, "-00:00:01"],
  ])("%d ms is %s", (ms, expected) => {
    expect(formatTimeSpan(ms)).toBe(expected);
  });
});
