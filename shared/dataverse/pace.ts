// How many requests to Dataverse may be under way at once for bulk work: what the servers recommend, less when their budget for us runs low
// (facts/dataverse.md §7). Waiting after a 429 is http/'s business.

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
  first: number;
  most: number;
}

/** Below this share of the budget we slow down. */
const low = 0.1;

const budgets = ["x-ms-ratelimit-time-remaining-xrm-requests", "x-ms-ratelimit-burst-remaining-xrm-requests"] as const;

/**
 * Makes a pace. The servers' budget headers only ever slow us down, and only near the end of the budget: they are meant for people, and another server
 * may say something else in the next answer.
 */
export function makePace({ first, most }: PaceOptions): Pace {
  let hint = first;
  const seen = new Map<string, { left: number; most: number }>();
  let running = 0;
  const waiting: (() => void)[] = [];

  const parallel = (): number => {
    const share = Math.min(1, ...[...seen.values()].map(({ left, most }) => left / most / low));
    return Math.max(1, Math.floor(1 + (Math.min(hint, most) - 1) * share));
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
        return await task();
      } finally {
        running -= 1;
        admit();
      }
    },
    note(headers) {
      const recommended = Number(headers["x-ms-dop-hint"]);
      if (Number.isInteger(recommended) && recommended > 0) hint = recommended;
      for (const name of budgets) {
        const left = Number(headers[name]?.replaceAll(",", ""));
        if (!(left >= 0)) continue;
        const before = seen.get(name)?.most ?? 0;
        seen.set(name, { left, most: Math.max(before, left, 1) });
      }
    },
  };
}

/**
 * Runs all side by side. After the first error none is begun any more, and it is thrown once none is under way: nothing goes on behind the caller's back.
 */
export async function runAll<In, Out>(
  items: readonly In[],
  run: (item: In, signal: AbortSignal) => Promise<Out[]>,
): Promise<Out[]> {
  const stop = new AbortController();
  const outcomes = await Promise.allSettled(
    items.map(async (item) => {
      try {
        return await run(item, stop.signal);
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    }),
  );
  stop.signal.throwIfAborted();
  return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? outcome.value : []));
}
