import type { Clock } from "../../../../infra/local/bus/core/clock.js";

/** A clock that moves only when told to. `advance` runs everything that becomes due, in its order. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
}

/** Makes a clock that stands at `start`. */
export function makeManualClock(start = Date.parse("2026-03-01T00:00:00Z")): ManualClock {
  let now = start;
  let timers: { at: number; run: () => void }[] = [];

  const nextDue = (end: number): { at: number; run: () => void } | undefined =>
    timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];

  return {
    now: () => now,
    later(ms, run) {
      const timer = { at: now + Math.max(ms, 0), run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance(ms) {
      const end = now + ms;
      for (let timer = nextDue(end); timer !== undefined; timer = nextDue(end)) {
        timers = timers.filter((other) => other !== timer);
        now = Math.max(now, timer.at);
        timer.run();
      }
      now = end;
    },
  };
}
