// Filling a simulator behind its API, in pages, and noticing whether it gets slower as it fills.
import { median, processorMs, ratePerSecond } from "../measure.js";

const pageSize = 1000;

/** Seeded before counting starts: cold code would make the first tenth look slow. */
const warmUp = 10_000;

/** What to fill: records `from` … `to` - 1, page by page with `seed(first, count)`, in the process `pid`. */
export interface Filling {
  pid: number | undefined;
  from: number;
  to: number;
  seed(first: number, count: number): Promise<unknown>;
  say(line: string): void;
}

/**
 * Fills, and answers the processor time of a record in the first tenth divided by that in the last: 1 = as fast full as empty,
 * 0.5 = twice as slow.
 */
export async function fill({ pid, from, to, seed, say }: Filling): Promise<number> {
  const counted = from + warmUp;
  const tenths = Array.from({ length: 10 }, () => ({ ms: 0, records: 0 }));
  for (let first = from; first < to; first += pageSize) {
    const count = Math.min(pageSize, to - first);
    const before = processorMs(pid);
    await seed(first, count);
    const tenth = tenths[Math.floor((10 * (first - counted)) / (to - counted))];
    if (tenth !== undefined) {
      tenth.ms += processorMs(pid) - before;
      tenth.records += count;
    }
    if (first % 100_000 === 0 && first > from) say(`${first.toLocaleString("en")} of ${to.toLocaleString("en")}`);
  }
  const [early, late] = [tenths[0], tenths[9]].map((tenth) => (tenth ? tenth.ms / tenth.records : Number.NaN));
  return (early ?? Number.NaN) / (late ?? Number.NaN);
}

/**
 * Does `work` for `from`, `from` + 1, …, ten thousand times. Answers the middle rate and the middle processor time of `pid` for the
 * later five thousand: after a change of work the first thousands are slower, and a collection of all garbage is in fill's numbers.
 */
export async function settledRate(pid: number | undefined, from: number, work: (index: number) => Promise<unknown>) {
  const rates: number[] = [];
  const times: number[] = [];
  for (let first = from; first < from + settledRateCount; first += 1000) {
    const before = processorMs(pid);
    rates.push(await ratePerSecond(1000, 16, (index) => work(first + index)));
    times.push(processorMs(pid) - before);
  }
  return { rate: median(rates.slice(5)), ms: median(times.slice(5)) };
}

/** How often settledRate does its work. */
export const settledRateCount = 10_000;
