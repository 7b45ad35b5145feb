// When a timer is past due: the rules of the timers extension, case by case.
import { describe, expect, it } from "vitest";
import { parseNcrontab } from "../../../../infra/local/host/timer/ncrontab.js";
import { afterRun, decideStart, type ScheduleStatus } from "../../../../infra/local/host/timer/schedule-status.js";

const hourly = parseNcrontab("0 0 * * * *");
const at = (time: string): Date => new Date(`2026-03-01T${time}Z`);
const status = (last: Date | undefined, next: Date, lastUpdated: Date): ScheduleStatus => ({ last, next, lastUpdated });

describe("taking a timer over", () => {
  it("writes a first status when there is none, not past due", () => {
    expect(decideStart(undefined, hourly, at("10:30:00"))).toEqual({
      status: status(undefined, at("11:00:00"), at("10:30:00")),
      changed: true,
      isPastDue: false,
    });
  });

  it("keeps a status whose next occurrence is still to come", () => {
    const stored = status(at("10:00:00"), at("11:00:00"), at("10:00:00"));

    expect(decideStart(stored, hourly, at("10:59:59"))).toEqual({ status: stored, changed: false, isPastDue: false });
  });

  it("is past due when the next occurrence has passed", () => {
    const stored = status(at("10:00:00"), at("11:00:00"), at("10:00:00"));

    expect(decideStart(stored, hourly, at("11:00:01"))).toMatchObject({ status: stored, isPastDue: true });
  });

  it("computes anew from the last run when the schedule has changed and that is still to come", () => {
    const stored = status(at("10:00:00"), at("10:05:00"), at("10:00:00"));

    expect(decideStart(stored, hourly, at("10:30:00"))).toEqual({
      status: status(undefined, at("11:00:00"), at("10:00:00")),
      changed: true,
      isPastDue: false,
    });
  });

  it("computes anew from now when the schedule has changed and its occurrence has passed, never past due", () => {
    const stored = status(at("10:00:00"), at("10:05:00"), at("10:00:00"));

    expect(decideStart(stored, hourly, at("12:30:00"))).toEqual({
      status: status(undefined, at("13:00:00"), at("12:30:00")),
      changed: true,
      isPastDue: false,
    });
  });
});

describe("after a run", () => {
  const before = status(at("10:00:00"), at("11:00:00"), at("10:00:00"));

  it("expects the occurrence after the one that just ran", () => {
    expect(afterRun(before, hourly, at("11:00:00"), true)).toEqual(
      status(at("11:00:00"), at("12:00:00"), at("11:00:00")),
    );
  });

  it("does not expect the same occurrence again when the timer fired a moment early", () => {
    expect(afterRun(before, hourly, new Date(at("11:00:00").getTime() - 3), true).next).toEqual(at("12:00:00"));
  });

  it("still expects the coming occurrence after a run out of schedule", () => {
    expect(afterRun(before, hourly, at("10:40:00"), false).next).toEqual(at("11:00:00"));
  });
});
