import type { Clock } from "../../shared/model/clock.js";

/** A clock that a test moves. `slept` lists what was slept for, in order. */
export interface FixedClock extends Clock {
  advance(ms: number): void;
  readonly slept: readonly number[];
}

/** A clock standing at `iso`. `sleep` takes no real time: it moves the clock on by as much and resolves. */
export function fixedClock(iso: string): FixedClock {
  let now = Date.parse(iso);
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    async sleep(ms) {
      slept.push(ms);
      now += ms;
    },
    advance(ms) {
      now += ms;
    },
  };
}
