import { beforeEach, describe, expect, it } from "vitest";
import { makePace, type Pace, runAll } from "../../../shared/dataverse/pace.js";
import { type FixedClock, fixedClock } from "../../support/fixed-clock.js";

let clock: FixedClock;

beforeEach(() => {
  clock = fixedClock("2026-03-01T00:00:00Z");
});

const time = "x-ms-ratelimit-time-remaining-xrm-requests";
const burst = "x-ms-ratelimit-burst-remaining-xrm-requests";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** How many of sixty start without waiting; they have ended when this answers. */
async function startAtOnce(pace: Pace): Promise<number> {
  const began = clock.now();
  const release: (() => void)[] = [];
  let [atOnce, isOver] = [0, false];
  const all = Array.from({ length: 60 }, () =>
    pace.run(async () => {
      if (isOver) return;
      if (clock.now() === began) atOnce += 1;
      await new Promise<void>((resolve) => release.push(resolve));
    }),
  );
  await turn();
  isOver = true;
  for (const end of release) end();
  await Promise.all(all);
  return atOnce;
}

/** Uses `seconds` of the execution time, ten at a time. */
async function use(pace: Pace, seconds: number): Promise<void> {
  for (let spent = 0; spent < seconds; spent += 10) await pace.run(() => clock.sleep(10_000));
  // Long enough ago for every answer to know.
  clock.advance(2_000);
}

describe("how many requests run at once", () => {
  it("is what we begin with until the servers recommend something, and never more than the most", async () => {
    const pace = makePace({ clock, first: 4, most: 16 });
    const counts = [await startAtOnce(pace)];

    for (const hint of ["10", "40", "nonsense", "0", "2"]) {
      pace.note({ "x-ms-dop-hint": hint });
      counts.push(await startAtOnce(pace));
    }

    expect(counts).toEqual([4, 10, 16, 16, 16, 2]);
  });

  it("goes down only when what is left of a budget does not pay for more, and up again with it", async () => {
    const counts: number[] = [];
    for (const left of ["1,200.00", "150.50", "62.10", "22.10", "9.00"]) {
      const pace = makePace({ clock, first: 10, most: 16 });
      await use(pace, 10);
      pace.note({ [time]: "1,200.00" });
      pace.note({ [time]: left });
      counts.push(await startAtOnce(pace));
    }

    // Each takes ten seconds; twelve are left alone.
    expect(counts).toEqual([10, 10, 5, 1, 0]);
  });

  it("goes by the scarcer of the two budgets, and by none that cannot be read", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    pace.note({ [time]: "1,200.00", [burst]: "6000" });

    pace.note({ [time]: "1,100.00", [burst]: "63" });
    const scarce = await startAtOnce(pace);
    pace.note({ [time]: "soon", [burst]: "5000" });

    expect([scarce, await startAtOnce(pace)]).toEqual([3, 10]);
  });

  it("reckons with requests that ended just before the answer that does not know of them", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    pace.note({ [time]: "1,200.00" });
    await use(pace, 10);
    await pace.run(() => clock.sleep(10_000));

    pace.note({ [time]: "52.10" });

    expect(await startAtOnce(pace)).toBe(3);
  });

  it("is not deceived by short requests about how long the long ones take", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    await use(pace, 10);
    for (let count = 0; count < 8; count += 1) await pace.run(() => clock.sleep(50));
    clock.advance(2_000);
    pace.note({ [time]: "1,200.00" });

    pace.note({ [time]: "52.10" });

    expect(await startAtOnce(pace)).toBeLessThan(8);
  });

  it("takes no request for a long one that was told to wait", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    await use(pace, 10);
    pace.note({ [time]: "1,200.00" });

    await pace.run(() => clock.sleep(200_000));
    pace.note({ [time]: "200.00" });

    expect(await startAtOnce(pace)).toBe(10);
  });

  it("waits while a budget is as good as spent, but not for ever: others may have used it", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    await use(pace, 10);
    pace.note({ [time]: "1,200.00" });
    pace.note({ [time]: "3.00" });
    const starts: number[] = [];
    const last = clock.now() - 12_000;

    await Promise.all([1, 2, 3].map(() => pace.run(async () => void starts.push(clock.now() - last))));

    expect(starts).toEqual([60_000, 120_000, 180_000]);
  });

  it("goes on as soon as what it used five minutes ago slides out of the budget, without being told", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    pace.note({ [time]: "600.00" });
    await use(pace, 100);
    clock.advance(207_000);
    await pace.run(async () => {});
    const began = clock.now();
    pace.note({ [time]: "0.00" });

    await pace.run(async () => {});

    // The first ended at 10 s, the second at 20 s: together they pay for one more and what is left alone.
    expect(clock.now() - began).toBeGreaterThan(11_000);
    expect(clock.now() - began).toBeLessThan(12_000);
    clock.advance(40_000);
    expect(await startAtOnce(pace)).toBeGreaterThan(3);
  });

  it("does the same for the budget of requests", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    pace.note({ [burst]: "100" });
    for (let count = 0; count < 50; count += 1) await pace.run(async () => {});
    clock.advance(300_000);
    pace.note({ [burst]: "0" });
    clock.advance(2_000);

    expect(await startAtOnce(pace)).toBe(10);
  });

  it("minds no budget that nobody enforces: requests are carried out that were sent when nothing was left", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    await pace.run(async () => {});
    const counts: number[] = [];

    for (const left of ["6000", "0", "0", "0", "40"]) {
      pace.note({ [burst]: left }, clock.now());
      counts.push(await startAtOnce(pace));
    }

    expect(counts).toEqual([10, 0, 10, 10, 0]);
  });

  it("minds one of which nothing is left when the answers are to requests that were sent before, or had to wait", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    const before = clock.now();
    await pace.run(() => clock.sleep(1_000));
    pace.note({ [burst]: "6000" }, before);

    pace.note({ [burst]: "0" }, before);
    pace.note({ [burst]: "0" }, before);
    clock.advance(1_000);
    pace.note({ [burst]: "0" });
    await pace.run(async () => {});

    expect(await startAtOnce(pace)).toBe(0);
  });

  it("lets those in line in, one for each that is over, failed ones too", async () => {
    const pace = makePace({ clock, first: 1, most: 1 });
    const done: number[] = [];

    const first = pace.run(() => Promise.reject(new Error("failed")));
    const rest = [2, 3].map((number) => pace.run(async () => void done.push(number)));

    await expect(first).rejects.toThrow("failed");
    await Promise.all(rest);
    expect(done).toEqual([2, 3]);
  });
});

describe("running all side by side", () => {
  it("throws the first error once nothing is under way any more, and tells the others", async () => {
    const over: number[] = [];

    const running = runAll([1, 2, 3], async (number, { signal }) => {
      if (number === 2) throw new Error("second");
      await new Promise((resolve) => setImmediate(resolve));
      over.push(number);
      expect(signal.aborted).toBe(true);
      return [number];
    });

    await expect(running).rejects.toThrow("second");
    expect(over).toEqual([1, 3]);
  });

  it("answers all results in order", async () => {
    expect(await runAll([2, 1], async (number) => [number, number])).toEqual([2, 2, 1, 1]);
    expect(await runAll([], async () => [1])).toEqual([]);
  });
});
