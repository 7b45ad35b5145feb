// What a monitored timer remembers over restarts, and what follows from it. Pure; kept in a LeaseStore, not here.
import type { Schedule } from "./ncrontab.js";

/** Last run (undefined = never), the next occurrence expected, and the instant `next` was computed from. */
export interface ScheduleStatus {
  last: Date | undefined;
  next: Date;
  lastUpdated: Date;
}

/** What a host does with a stored status when it takes over a timer. */
export interface StartDecision {
  status: ScheduleStatus;
  /** The stored status was missing or of another schedule and must be written. */
  changed: boolean;
  isPastDue: boolean;
}

/**
 * Compares the stored status with the schedule in force: an occurrence that passed while no host ran is past due; a status
 * computed from another schedule is replaced, never past due. Same rules as the timers extension's schedule monitor.
 */
export function decideStart(stored: ScheduleStatus | undefined, schedule: Schedule, now: Date): StartDecision {
  const fresh = (from: Date): ScheduleStatus => ({ last: undefined, next: schedule.next(from), lastUpdated: from });
  if (!stored) return { status: fresh(now), changed: true, isPastDue: false };
  const expected = fresh(stored.last ?? stored.lastUpdated);
  if (expected.next.getTime() !== stored.next.getTime()) {
    return { status: now > expected.next ? fresh(now) : expected, changed: true, isPastDue: false };
  }
  return { status: stored, changed: false, isPastDue: now > stored.next };
}

/**
 * The status after a run begun at `startedAt`. A timer that fired a moment early counts as on time, so that the same
 * occurrence is not due twice.
 */
export function afterRun(
  previous: ScheduleStatus,
  schedule: Schedule,
  startedAt: Date,
  scheduled: boolean,
): ScheduleStatus {
  const at = scheduled && previous.next > startedAt ? previous.next : startedAt;
  return { last: at, next: schedule.next(at), lastUpdated: at };
}

/** The `json` the host sends as timer input; `status` undefined for a timer that is not monitored. */
export function timerInput(status: ScheduleStatus | undefined, isPastDue: boolean): string {
  return JSON.stringify({
    Schedule: { AdjustForDST: true },
    ScheduleStatus: status
      ? { Last: dotnetTime(status.last), Next: dotnetTime(status.next), LastUpdated: dotnetTime(status.lastUpdated) }
      : null,
    IsPastDue: isPastDue,
  });
}

function dotnetTime(instant: Date | undefined): string {
  return instant ? instant.toISOString().replace("Z", "+00:00") : "0001-01-01T00:00:00+00:00";
}
