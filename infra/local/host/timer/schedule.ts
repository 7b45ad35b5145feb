import { parseTimeSpan } from "../config/time-span.js";
import { parseNcrontab, type Schedule } from "./ncrontab.js";

/** A timer's schedule and whether its status is kept over restarts. */
export interface TimerSchedule extends Schedule {
  monitored: boolean;
}

/**
 * Reads a timer's `schedule`: NCRONTAB, or a time span (a fixed interval). As in the Functions host, a schedule with more than
 * one occurrence a minute is never monitored, whatever `useMonitor` says. Throws RangeError saying what cannot be read.
 */
export function parseSchedule(text: string, useMonitor: boolean, now: Date): TimerSchedule {
  const intervalMs = parseTimeSpan(text);
  if (intervalMs === undefined) {
    const cron = parseNcrontab(text);
    const second = cron.next(cron.next(now));
    return { next: cron.next, monitored: useMonitor && second.getTime() > now.getTime() + 60_000 };
  }
  if (intervalMs <= 0) throw new RangeError(`the interval "${text}" must be longer than zero`);
  return { next: (after) => new Date(after.getTime() + intervalMs), monitored: useMonitor && intervalMs >= 60_000 };
}
