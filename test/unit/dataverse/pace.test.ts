import { beforeEach, describe, expect, it } from "vitest";
import { makePace, runAll } from "../../../shared/dataverse/pace.js";
import { type FixedClock, fixedClock } from "../../support/fixed-clock.js";

let clock: FixedClock;

beforeEach(() => {
  clock = fixedClock("2026-03-01T00:00:00Z");
});

const time = "x-ms-ratelimit-time-remaining-xrm-requests";
const burst = "x-ms-ratelimit-burst-remaining-xrm-requests";

describe("how many requests run at once", () => {
  it("is what we begin with until the servers recommend something, and never more than the most", () => {
    const pace = makePace({ clock, first: 4, most: 16 });
    const counts = [pace.parallel()];

    for (const hint of ["10", "40", "nonsense", "0", "2"]) {
      pace.note({ "x-ms-dop-hint": hint });
      counts.push(pace.parallel());
    }

    expect(counts).toEqual([4, 10, 16, 16, 16, 2]);
  });

  it("goes down only near the end of a budget, to one and no further, and up again with it", () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    const counts = ["1,200.00", "130.5", "60.00", "0.00", "900.00"].map((left) => {
      pace.note({ [time]: left });
      return pace.parallel();
    });

    expect(counts).toEqual([10, 10, 5, 1, 10]);
  });

  it("goes by the scarcer of the two budgets, and by none that cannot be read", () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    pace.note({ [time]: "1,200.00", [burst]: "6000" });

    pace.note({ [time]: "1,100.00", [burst]: "0" });
    const scarce = pace.parallel();
    pace.note({ [time]: "soon", [burst]: "5000" });

    expect([scarce, pace.parallel()]).toEqual([1, 10]);
  });

  it("reckons with the time that those under way will take of the budget", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    const release: (() => void)[] = [];
    await pace.run(() => clock.sleep(10_000));
    pace.note({ [time]: "1,200.00" });
    pace.note({ [time]: "120.00" });
    const alone = pace.parallel();

    const running = [1, 2, 3, 4].map(() => pace.run(() => new Promise<void>((resolve) => release.push(resolve))));
    await Promise.resolve();
    const together = pace.parallel();

    for (const end of release) end();
    await Promise.all(running);
    expect([alone, together]).toEqual([10, 7]);
  });

  it("pauses before each request while a budget is as good as spent", async () => {
    const pace = makePace({ clock, first: 10, most: 16 });
    pace.note({ [time]: "1,200.00" });
    pace.note({ [time]: "30.00" });

    await pace.run(async () => {});
    pace.note({ [time]: "900.00" });
    await pace.run(async () => {});

    expect(clock.slept).toEqual([15_000]);
  });

  it("minds no budget that nobody enforces: answers go on although nothing is left", () => {
    const pace = makePace({ clock, first: 10, most: 16 });

    const counts = ["6000", "0", "0", "0", "50"].map((left) => {
      pace.note({ [burst]: left });
      return pace.parallel();
    });

    expect(counts).toEqual([10, 1, 10, 10, 1]);
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
