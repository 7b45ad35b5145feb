// NCRONTAB against the cases that other cron dialects read differently, and against a slow search second by second.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseNcrontab } from "../../../../infra/local/host/timer/ncrontab.js";
import { parseSchedule } from "../../../../infra/local/host/timer/schedule.js";

const next = (expression: string, after: string): string =>
  parseNcrontab(expression).next(new Date(after)).toISOString();

describe("the next occurrence of an NCRONTAB expression", () => {
  it.each([
    ["0 */5 * * * *", "2026-03-01T10:02:30Z", "2026-03-01T10:05:00.000Z"],
    ["0 */5 * * * *", "2026-03-01T10:05:00Z", "2026-03-01T10:10:00.000Z"],
    ["0 */5 * * * *", "2026-03-01T10:04:59.999Z", "2026-03-01T10:05:00.000Z"],
    ["* * * * * *", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00.000Z"],
    ["*/15 * * * * *", "2026-03-01T10:00:46Z", "2026-03-01T10:01:00.000Z"],
    ["30 5/15 9-17 * * 1-5", "2026-02-27T17:50:30Z", "2026-03-02T09:05:30.000Z"],
    ["0 0 9,18 * * *", "2026-03-01T09:00:00Z", "2026-03-01T18:00:00.000Z"],
    ["0 30 9 * Jan Mon", "2026-03-01T00:00:00Z", "2027-01-04T09:30:00.000Z"],
    ["0 0 0 * february-MAR sun,Wednesday", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00.000Z"],
    ["0 0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00.000Z"],
    ["0 0 0 31 * *", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00.000Z"],
    ["0 0 10-16/3 * * *", "2026-03-01T13:00:00Z", "2026-03-01T16:00:00.000Z"],
  ])("of %s after %s is %s", (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected);
  });

  it("needs the day of the month and the day of the week to match, both", () => {
    expect(next("0 0 0 13 * fri", "2026-03-14T00:00:00Z")).toBe("2026-11-13T00:00:00.000Z");
  });

  it("is on the full minute for an expression of five fields", () => {
    expect(next("30 4 * * *", "2026-03-01T05:00:07Z")).toBe("2026-03-02T04:30:00.000Z");
  });

  it("is the first matching second after the given instant, whatever the expression", () => {
    const field = (min: number, max: number) =>
      fc.oneof(
        fc.constant("*"),
        fc.integer({ min, max }).map(String),
        fc.integer({ min: 1, max: 20 }).map((step) => `*/${step}`),
      );
    const expression = fc.tuple(field(0, 59), field(0, 59), field(0, 23));
    const instant = fc.integer({ min: 0, max: 86_399 });
    fc.assert(
      fc.property(expression, instant, (fields, second) => {
        const after = new Date(Date.UTC(2026, 1, 27) + second * 1000);
        const schedule = parseNcrontab(`${fields.join(" ")} * * *`);

        const matches = (at: Date): boolean =>
          [at.getUTCSeconds(), at.getUTCMinutes(), at.getUTCHours()].every((value, n) => {
            const [from, step] = (fields[n] ?? "*").split("/");
            return from === "*" ? value % Number(step ?? 1) === 0 : value === Number(from);
          });
        const expected = new Date(after.getTime() + 1000);
        while (!matches(expected)) expected.setTime(expected.getTime() + 1000);

        expect(schedule.next(after)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});

describe("an expression that cannot be read", () => {
  it.each([
    ["* * * *", "six fields"],
    ["* * * * * * *", "six fields"],
    ["60 * * * * *", 'second "60"'],
    ["0 0 24 * * *", 'hour "24"'],
    ["0 0 0 0 * *", 'day "0"'],
    ["0 0 0 * 13 *", 'month "13"'],
    ["0 0 0 * * 7", 'day of week "7"'],
    ["0 0 22-2 * * *", 'hour "22-2"'],
    ["*/0 * * * * *", 'second "*/0"'],
    ["0 0 0 * * ?", 'day of week "?"'],
    ["0 0 0 * ja *", 'month "ja"'],
    ["0 1,,2 * * * *", 'minute ""'],
    ["0 0 0 30 2 *", "never occurs"],
  ])("%s is refused, naming the part: %s", (expression, part) => {
    expect(() => parseNcrontab(expression)).toThrow(part);
  });
});

describe("a schedule", () => {
  const now = new Date("2026-03-01T10:00:30Z");

  it.each([
    ["0 * * * * *", true, true],
    ["0 * * * * *", false, false],
    ["*/30 * * * * *", true, false],
    ["0,5 0 * * * *", true, true],
    ["00:01:00", true, true],
    ["00:00:59", true, false],
  ])("%s with useMonitor %s is monitored: %s", (text, useMonitor, expected) => {
    expect(parseSchedule(text, useMonitor, now).monitored).toBe(expected);
  });

  it("as a time span comes one interval after the last", () => {
    expect(parseSchedule("00:10:00", true, now).next(now).toISOString()).toBe("2026-03-01T10:10:30.000Z");
  });

  it("as a time span of nothing is refused", () => {
    expect(() => parseSchedule("00:00:00", true, now)).toThrow("longer than zero");
  });
});
