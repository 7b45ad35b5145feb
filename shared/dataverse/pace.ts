// How many requests to Dataverse may be under way at once for bulk work: what the servers recommend, for as long as their budget for us lasts
// (facts/dataverse.md §7). Waiting after a 429 is http/'s business.

import type { Clock } from "../model/clock.js";

/** Lets tasks run side by side, shared by all callers of one process. */
export interface Pace {
  /** Runs `task` when there is room. */
  run<T>(task: () => Promise<T>): Promise<T>;
  /** Learns from the headers of an answer; `began`: when its request was sent (epoch ms), if it was answered at once. */
  note(headers: Readonly<Record<string, string>>, began?: number): void;
}

/** `first`: how many at once before any answer; `most`: whatever is recommended. */
export interface PaceOptions {
  clock: Clock;
  first: number;
  most: number;
}

/** Of a budget, what is left alone: it pays for asking while nothing else may be sent. What stays unused is lost for good. */
const margin = 0.01;
/** Budgets are of the last five minutes (facts/dataverse.md §7); we note an end later than the servers do. */
const windowMs = 300_000 + 250;
/** A request that ended so shortly before an answer may not be in what that says. */
const justNowMs = 500;
/** Longest wait without asking: others may have used the budget, and another server has another one. Asking oftener uses up the margin. */
const pauseMs = 60_000;
const lookMs = 500;

const timeLeft = "x-ms-ratelimit-time-remaining-xrm-requests";
const requestsLeft = "x-ms-ratelimit-burst-remaining-xrm-requests";
/** How much the last duration weighs in the usual one: short reads must not hide how long batches take. */
const [longer, shorter] = [0.5, 0.01];
/** One attempt takes no longer (the client's time-out); what did has waited. */
const longestMs = 60_000;

/**
 * A budget as the last answer had it: seconds, or requests. `emptyAt`: since when nothing is left of it. `isIdle`: requests that were sent later are carried
 * out all the same, so that nobody enforces it.
 */
interface Budget {
  left: number;
  most: number;
  at: number;
  emptyAt: number | undefined;
  isIdle: boolean;
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
    [...budgets].every(([name, { left, most, isIdle, at }]) => {
      const each = name === timeLeft ? usualMs / 1_000 : 1;
      return isIdle || left + slidOut(name, at) - (underWay + 1) * each >= margin * most;
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
    note(headers, began) {
      const recommended = Number(headers["x-ms-dop-hint"]);
      if (Number.isInteger(recommended) && recommended > 0) hint = recommended;
      for (const name of [timeLeft, requestsLeft]) {
        const left = Number(headers[name]?.replaceAll(",", ""));
        if (!(left >= 0)) continue;
        const before = budgets.get(name);
        const emptyAt = left > 0 ? undefined : (before?.emptyAt ?? clock.now());
        const isSpentInVain = before?.emptyAt !== undefined && began !== undefined && began > before.emptyAt;
        budgets.set(name, {
          left: name === timeLeft ? Math.max(0, left - justUsed()) : left,
          most: Math.max(before?.most ?? 1, left),
          at: clock.now(),
          emptyAt,
          isIdle: emptyAt !== undefined && (isSpentInVain || before?.isIdle === true),
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
