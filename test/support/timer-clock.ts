import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../shared/model/clock.js";

/** A clock for several callers at once: time moves on only when everybody sleeps, to the next one to wake. */
export interface TimerClock extends Clock {
  /** Moves time on until `work` is settled, and answers its result. Throws when nobody sleeps and it is not settled. */
  run<T>(work: Promise<T>): Promise<T>;
}

/** A clock standing at `iso`. `lateMs` says by how much each sleeper wakes too late, as timers under load do. */
export function timerClock(iso: string, lateMs: () => number = () => 0): TimerClock {
  let now = Date.parse(iso);
  let sleepers: { at: number; wake: () => void }[] = [];
  return {
    now: () => now,
    sleep: (ms) =>
      new Promise((wake) => {
        sleepers.push({ at: now + Math.max(0, ms) + lateMs(), wake });
      }),
    async run(work) {
      let isSettled = false;
      const settle = (): void => {
        isSettled = true;
      };
      work.then(settle, settle);
      for (;;) {
        await turn();
        if (isSettled) return work;
        const [next] = sleepers.sort((a, b) => a.at - b.at);
        if (!next) throw new Error("everybody waits for something that no clock brings");
        sleepers = sleepers.filter((sleeper) => sleeper !== next);
        now = Math.max(now, next.at);
        next.wake();
      }
    },
  };
}
