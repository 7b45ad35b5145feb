// How many requests to Dataverse may be under way at once for bulk work: what the servers recommend, less when their budget for us runs low
// (facts/dataverse.md §7). Waiting after a 429 is http/'s business.

import type { Clock } from "../model/clock.js";

/** Lets tasks run side by side, shared by all callers of one process. */
export interface Pace {
  /** Runs `task` when there is room. */
  run<T>(task: () => Promise<T>): Promise<T>;
  /** Learns from the headers of an answer. */
  note(headers: Readonly<Record<string, string>>): void;
  /** How many may be under way now. */
  parallel(): number;
}

/** `first`: before any answer; `most`: whatever is recommended. */
export interface PaceOptions {
  clock: Clock;
  first: number;
  most: number;
}

/** Below this share of the budget we slow down. */
const low = 0.1;
/** Below this one a budget is as good as spent: what we used five minutes ago has to slide out of it first. */
const spent = 0.03;
const pauseMs = 15_000;
/** So many answers in a row although nothing is left: nobody enforces that budget. */
const idle = 2;

const timeLeft = "x-ms-ratelimit-time-remaining-xrm-requests";
const requestsLeft = "x-ms-ratelimit-burst-remaining-xrm-requests";
/** How much the last duration weighs in the usual one. */
const newest = 0.2;

/**
 * Makes a pace. The servers' budget headers only ever slow us down, and only near the end of the budget: they are meant for people, and another server
 * may say something else in the next answer.
 */
export function makePace({ clock, first, most }: PaceOptions): Pace {
  let hint = first;
  const seen = new Map<string, { left: number; most: number; zeros: number }>();
  let running = 0;
  let usualMs = 0;
  const waiting: (() => void)[] = [];

  /** What is left of the scarcest budget once those under way are over. */
  const share = (): number => {
    const rest = [...seen].map(([name, { left, most, zeros }]) => {
      if (zeros >= idle) return 1;
      const each = name === timeLeft ? usualMs / 1_000 : 1;
      return Math.max(0, left - running * each) / most;
    });
    return Math.min(1, ...rest);
  };

  const parallel = (): number => {
    const slower = Math.min(1, share() / low);
    return Math.max(1, Math.floor(1 + (Math.min(hint, most) - 1) * slower));
  };

  const admit = (): void => {
    while (running < parallel()) {
      const next = waiting.shift();
      if (!next) return;
      running += 1;
      next();
    }
  };

  return {
    parallel,
    async run(task) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        admit();
      });
      try {
        if (share() < spent) await clock.sleep(pauseMs);
        const began = clock.now();
        const result = await task();
        usualMs += (clock.now() - began - usualMs) * (usualMs === 0 ? 1 : newest);
        return result;
      } finally {
        running -= 1;
        admit();
      }
    },
    note(headers) {
      const recommended = Number(headers["x-ms-dop-hint"]);
      if (Number.isInteger(recommended) && recommended > 0) hint = recommended;
      for (const name of [timeLeft, requestsLeft]) {
        const left = Number(headers[name]?.replaceAll(",", ""));
        if (!(left >= 0)) continue;
        const before = seen.get(name) ?? { most: 1, zeros: 0 };
        seen.set(name, { left, most: Math.max(before.most, left), zeros: left === 0 ? before.zeros + 1 : 0 });
      }
    },
  };
}

/**
 * Runs all side by side, results in order. The first error is in `stop`, for those to ask that have not begun; it is thrown once none is under way any
 * more: nothing goes on behind the caller's back.
 */
export async function runAll<In, Out>(
  items: readonly In[],
  run: (item: In, stop: AbortController) => Promise<Out[]>,
): Promise<Out[]> {
  const stop = new AbortController();
  const outcomes = await Promise.allSettled(
    items.map(async (item) => {
      try {
        return await run(item, stop);
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    }),
  );
  stop.signal.throwIfAborted();
  return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? outcome.value : []));
}
