import { describe, expect, it } from "vitest";
import { secretAlarms } from "../../../shared/flows/secret-expiry.js";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const at = Date.parse("2026-06-30T12:00:00Z");
const secret = { setting: "CAMPAIGN_CLIENT_SECRET", at };

describe("a secret with a date", () => {
  it.each([
    ["31 days before", 31 * dayMs, undefined, undefined],
    ["a moment more than 30 days before", 30 * dayMs + 1, undefined, undefined],
    ["30 days before", 30 * dayMs, "secret-within-month", "ends in 30 days, on 2026-06-30"],
    ["a moment more than 7 days before", 7 * dayMs + 1, "secret-within-month", "ends in 7 days, on 2026-06-30"],
    ["7 days before", 7 * dayMs, "secret-within-week", "ends in 7 days, on 2026-06-30"],
    ["a day and a half before", 36 * hourMs, "secret-within-week", "ends in 1 day, on 2026-06-30"],
    ["a day before", dayMs, "secret-within-day", "ends in 1 day, on 2026-06-30"],
    ["hours before", 3 * hourMs, "secret-within-day", "ends in less than a day, on 2026-06-30"],
    ["at its end", 0, "secret-within-day", "ended on 2026-06-30"],
    ["long after", -40 * dayMs, "secret-within-day", "ended on 2026-06-30"],
  ])("is worth one alarm, of the nearest step, %s", (_, beforeMs, code, said) => {
    const alarms = secretAlarms([secret], at - beforeMs);

    const expected = { code, about: secret.setting, message: `the secret of ${secret.setting} ${said}` };
    expect(alarms).toEqual(code === undefined ? [] : [expected]);
  });

  it("has an alarm of its own beside others", () => {
    const other = { setting: "CAMPAIGN_SFTP_KEY", at: at + 20 * dayMs };

    const alarms = secretAlarms([secret, other, { setting: "DYNAMICS_CLIENT_SECRET", at: at + 60 * dayMs }], at);

    expect(alarms.map(({ code, about }) => [code, about])).toEqual([
      ["secret-within-day", "CAMPAIGN_CLIENT_SECRET"],
      ["secret-within-month", "CAMPAIGN_SFTP_KEY"],
    ]);
  });
});
