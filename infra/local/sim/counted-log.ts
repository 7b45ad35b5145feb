// The last things asked of a stand-in, and counts of all. What is asked, and what is counted besides, is the caller's.

const MAX_KEYS = 1000;

/** A bounded log. */
export interface CountedLog<Entry> {
  add(entry: Entry): void;
  /** How many there were, their counts by key, and the last `limit` (100) of the kept ones that `shows` lets through. */
  summary(shows: (entry: Entry) => boolean, limit?: number): { total: number; counts: object; requests: Entry[] };
  clear(): void;
}

/** Makes a log of the last `keep` entries. Counts go by `keyOf`, 1000 keys at most; `count` adds to what is counted besides. */
export function makeCountedLog<Entry extends { ms: number }, Extra extends object>(options: {
  keep?: number | undefined;
  keyOf(entry: Entry): string;
  newExtra(): Extra;
  count(extra: Extra, entry: Entry): void;
}): CountedLog<Entry> {
  const keep = options.keep ?? 1000;
  let last: Entry[] = [];
  let total = 0;
  let counts = new Map<string, { count: number; ms: number; extra: Extra }>();

  const countsOf = (entry: Entry) => {
    const exact = options.keyOf(entry);
    const key = counts.has(exact) || counts.size < MAX_KEYS ? exact : "(other)";
    const found = counts.get(key) ?? { count: 0, ms: 0, extra: options.newExtra() };
    counts.set(key, found);
    return found;
  };

  return {
    add(entry) {
      total += 1;
      last.push(entry);
      if (last.length >= keep * 2) last = last.slice(-keep);
      const found = countsOf(entry);
      found.count += 1;
      found.ms += entry.ms;
      options.count(found.extra, entry);
    },
    summary(shows, limit = 100) {
      const meanMs = (ms: number, count: number): number => Math.round((ms / count) * 10) / 10;
      const readable = [...counts].map(([key, { count, ms, extra }]) => [
        key,
        { count, ...extra, meanMs: meanMs(ms, count) },
      ]);
      return {
        total,
        counts: Object.fromEntries(readable),
        requests: limit > 0 ? last.slice(-keep).filter(shows).slice(-limit) : [],
      };
    },
    clear() {
      last = [];
      total = 0;
      counts = new Map();
    },
  };
}

/** Adds one to what `tally` holds under `key`. */
export function addOne(tally: Record<string, number>, key: string | number): void {
  tally[key] = (tally[key] ?? 0) + 1;
}
