/** How many calls of one kind reached the engine, and how many of them it refused. */
export interface CallCount {
  calls: number;
  failed: number;
}

/** Counter of engine calls by kind: method, resource and how the record was addressed, e.g. `PATCH profile by key`. */
export interface CallCounter {
  count(kind: string, failed: boolean): void;
  totals(): { total: number; failed: number; kinds: Record<string, CallCount> };
  reset(): void;
}

/** Makes a counter at zero. Requests that the gateway refuses never get here (facts/campaign.md §10). */
export function makeCallCounter(): CallCounter {
  const kinds = new Map<string, CallCount>();
  return {
    count(kind, failed) {
      const entry = kinds.get(kind) ?? { calls: 0, failed: 0 };
      entry.calls += 1;
      if (failed) entry.failed += 1;
      kinds.set(kind, entry);
    },
    totals() {
      const all = [...kinds.values()];
      return {
        total: all.reduce((sum, entry) => sum + entry.calls, 0),
        failed: all.reduce((sum, entry) => sum + entry.failed, 0),
        kinds: Object.fromEntries([...kinds].sort(([a], [b]) => (a < b ? -1 : 1))),
      };
    },
    reset: () => kinds.clear(),
  };
}
