// How many requests to Dataverse may be under way at once for bulk work: what the servers recommend, for as long as their budget for us lasts
// (facts/dataverse.md §7). Waiting after a 429 is http/'s business.

import type { Clock } from "../model/clock.js";

/** Lets tasks run side by side, shared by all callers of one process. */
export interface Pace {
  /** Runs `task` when there is room. */
  run<T>(task: () => Promise<T>): Promise<T>;
  /** Learns from the headers of an answer. */
  note(headers: Readonly<Record<string, string>>): void;
}

/** `first`: how many at once before any answer; `most`: whatever is recommended. */
export interface PaceOptions {
  clock: Clock;
  first: number;
  most: number;
}

/** Of a budget, what is left alone: clocks differ, and others use it too. What stays unused is lost for good. */
const margin = 0.005;
/** Budgets are of the last five minutes (facts/dataverse.md §7); the rest is for whole seconds and the way. */
const windowMs = 300_000 + 1_500;
/** A request that ended so shortly before an answer may not be in what that says. */
const justNowMs = 1_000;
/** Longest wait without asking: others may have used the budget, and another server has another one. */
const pauseMs = 15_000;
const lookMs = 500;
/** So many answers in a row although nothing is left: nobody enforces that budget. */
const idle = 2;

const timeLeft = "x-ms-ratelimit-time-remaining-xrm-requests";
const requestsLeft = "x-ms-ratelimit-burst-remaining-xrm-requests";
/** How much the last duration weighs in the usual one: short reads must not hide how long batches take. */
const [longer, shorter] = [0.5, 0.05];
/** One attempt takes no longer (the client's time-out); what did has waited. */
const longestMs = 60_000;

/** A budget as the last answer had it: seconds, or requests. */
interface Budget {
  left: number;
  most: number;
  zeros: number;
  at: number;
}

/**
 * Makes a pace. The servers' budget headers only ever hold us back, and only when the budget is as good as spent: they are meant for people, and another
 * server may say something else in the next answer. We know what we used five minutes ago, and go on when it slides out.
 */
export function makePace({ clock, first, most }: PaceOptions): Pace {
  let hint = first;
  const budgets = new Map<string, Budget>();
  /** What we used, oldest first: the seconds of each request, by the time of its end. */
  let used: { at: number; seconds: number }[] = [];
  let [admitted, underWay] = [0, 0];
  let lastStart = Number.NEGATIVE_INFINITY;
  let usualMs = 0;
  const waiting: (() => void)[] = [];

  /** What has slid out of a budget since we were told. */
  const slidOut = (name: string, since: number): number => {
    const until = clock.now() - windowMs;
    let sum = 0;
    for (const { at, seconds } of used) {
      if (at > until) break;
      if (at > since - windowMs) sum += name === timeLeft ? seconds : 1;
    }
    return sum;
  };

  /** Would there be something left of each budget after those under way and one more? */
  const isAffordable = (): boolean =>
    [...budgets].every(([name, { left, most, zeros, at }]) => {
      const each = name === timeLeft ? usualMs / 1_000 : 1;
      return zeros >= idle || left + slidOut(name, at) - (underWay + 1) * each >= margin * most;
    });

  const admit = (): void => {
    while (admitted < Math.min(hint, most)) {
      const next = waiting.shift();
      if (!next) return;
      admitted += 1;
      next();
    }
  };

  const noteUse = (ms: number): void => {
    if (ms > longestMs) return;
    usualMs += (ms - usualMs) * (usualMs === 0 ? 1 : ms > usualMs ? longer : shorter);
    const now = clock.now();
    used.push({ at: now, seconds: ms / 1_000 });
    // Twice as long as it counts: not to be looked through at each turn.
    if ((used[0]?.at ?? now) < now - 2 * windowMs) used = used.filter(({ at }) => at >= now - windowMs);
  };

  /** Seconds of ours that an answer of now may not know of yet. */
  const justUsed = (): number => {
    const now = clock.now();
    let sum = 0;
    for (const { at, seconds } of used.toReversed()) {
      if (at < now - justNowMs) break;
      sum += seconds;
    }
    return sum;
  };

  return {
    async run(task) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        admit();
      });
      try {
        while (!isAffordable() && clock.now() < lastStart + pauseMs) await clock.sleep(lookMs);
        const began = clock.now();
        lastStart = began;
        underWay += 1;
        try {
          return await task();
        } finally {
          underWay -= 1;
          noteUse(clock.now() - began);
        }
      } finally {
        admitted -= 1;
        admit();
      }
    },
    note(headers) {
      const recommended = Number(headers["x-ms-dop-hint"]);
      if (Number.isInteger(recommended) && recommended > 0) hint = recommended;
      for (const name of [timeLeft, requestsLeft]) {
        const left = Number(headers[name]?.replaceAll(",", ""));
        if (!(left >= 0)) continue;
        const before = budgets.get(name) ?? { most: 1, zeros: 0 };
        budgets.set(name, {
          left: name === timeLeft ? Math.max(0, left - justUsed()) : left,
          most: Math.max(before.most, left),
          zeros: left === 0 ? before.zeros + 1 : 0,
          at: clock.now(),
        });
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
