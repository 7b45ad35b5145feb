import { describe, expect, it } from "vitest";
import { makeCountedLog } from "../../../../infra/local/sim/counted-log.js";

const makeLog = (keep: number) =>
  makeCountedLog({
    keep,
    keyOf: ({ key }: { key: string; ms: number }) => key,
    newExtra: () => ({ odd: 0 }),
    count(extra, { ms }) {
      extra.odd += ms % 2;
    },
  });
const all = () => true;

describe("a counted log", () => {
  it("counts everything, and keeps the last entries only", () => {
    const log = makeLog(3);
    for (const ms of [1, 2, 3, 4, 5, 6, 8]) log.add({ key: "a", ms });

    const summary = log.summary(all);

    expect(summary.total).toBe(7);
    expect(summary.counts).toEqual({ a: { count: 7, odd: 3, meanMs: 4.1 } });
    expect(summary.requests.map(({ ms }) => ms)).toEqual([5, 6, 8]);
  });

  it("puts what comes after a thousand kinds under one more", () => {
    const log = makeLog(1);
    for (let kind = 0; kind < 1500; kind++) log.add({ key: `k${kind}`, ms: 0 });
    log.add({ key: "k5", ms: 0 });

    const counts = log.summary(all).counts as Record<string, { count: number }>;

    expect(Object.keys(counts).length).toBe(1001);
    expect([counts["(other)"]?.count, counts.k5?.count]).toEqual([500, 2]);
  });
});
