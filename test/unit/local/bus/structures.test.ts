import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeDeadlines } from "../../../../infra/local/bus/core/deadlines.js";
import { makeDuplicateWindow } from "../../../../infra/local/bus/core/duplicates.js";
import { makeExpiryList } from "../../../../infra/local/bus/core/expiry-list.js";
import { makeFifo } from "../../../../infra/local/bus/core/fifo.js";
import { makeHeap } from "../../../../infra/local/bus/core/heap.js";
import { makeSequenceLog } from "../../../../infra/local/bus/core/sequence-log.js";
import { makeManualClock } from "./manual-clock.js";

describe("the heap", () => {
  it("gives items back in the order of their rank, whatever came in, also after filtering", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (numbers, limit) => {
        const heap = makeHeap<number>((number) => number);
        for (const number of numbers) heap.push(number);
        heap.filter((number) => number !== limit);
        const out: number[] = [];
        for (let next = heap.pop(); next !== undefined; next = heap.pop()) out.push(next);
        expect(out).toEqual(numbers.filter((number) => number !== limit).sort((a, b) => a - b));
      }),
    );
  });
});

describe("the first-in-first-out queue", () => {
  it("behaves like an array under any mix of pushes and shifts", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 5000 }), (steps) => {
        const fifo = makeFifo<number>();
        const model: number[] = [];
        for (const [step, isPush] of steps.entries()) {
          if (isPush) {
            fifo.push(step);
            model.push(step);
          } else {
            expect(fifo.shift()).toBe(model.shift());
          }
        }
        expect(fifo.size).toBe(model.length);
      }),
    );
  });
});

describe("the sequence log", () => {
  it("walks from any number over what is there, in order, whatever was added and deleted", () => {
    const steps = fc.array(fc.record({ number: fc.integer({ min: 1, max: 300 }), add: fc.boolean() }), {
      maxLength: 600,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 301 }), (changes, from) => {
        const log = makeSequenceLog<string>();
        const model = new Map<number, string>();
        for (const { number, add } of changes) {
          if (add) {
            log.add(number, `item ${number}`);
            model.set(number, `item ${number}`);
          } else {
            log.delete(number);
            model.delete(number);
          }
        }
        const expected = [...model].filter(([number]) => number >= from).sort(([a], [b]) => a - b);
        expect([...log.from(from)]).toEqual(expected.map(([, item]) => item));
        expect(log.size).toBe(model.size);
      }),
    );
  });
});

describe("the duplicate window", () => {
  it("remembers an id from when it was first seen until the window has passed, and no longer", () => {
    const window = makeDuplicateWindow(1000);

    const answers = [0, 500, 999, 1000, 1500].map((now) => window.seenBefore("m", now));

    expect(answers).toEqual([false, true, true, false, true]);
  });

  it("forgets what is over, so that memory does not grow", () => {
    const window = makeDuplicateWindow(1000);
    for (let now = 0; now < 100_000; now++) window.seenBefore(`m${now}`, now);

    const remembered = [...window.entries(99_999)];

    expect(remembered.length).toBe(1000);
  });
});

describe("the expiry list", () => {
  it("ends entries in the order they were added or renewed, each at its time", () => {
    const clock = makeManualClock(0);
    const ended: [string, number][] = [];
    const list = makeExpiryList<string>(clock, 100, (item) => ended.push([item, clock.now()]));
    list.renew("a", "a");
    clock.advance(10);
    list.renew("b", "b");
    list.renew("c", "c");
    clock.advance(10);
    list.renew("a", "a");
    list.delete("c");

    clock.advance(1000);

    expect(ended).toEqual([
      ["b", 110],
      ["a", 120],
    ]);
    expect(list.size).toBe(0);
  });

  it("ends an entry whose time is over when asked for it, although the timer is late", () => {
    let now = 0;
    const ended: string[] = [];
    const list = makeExpiryList<string>({ now: () => now, later: () => () => {} }, 100, (item) => ended.push(item));
    list.renew("a", "a");
    now = 100;

    const found = list.get("a");

    expect(found).toBeUndefined();
    expect(ended).toEqual(["a"]);
  });
});

describe("deadlines", () => {
  it("call in the order of time, also for an earlier one added later", () => {
    const clock = makeManualClock(0);
    const called: [string, number][] = [];
    const deadlines = makeDeadlines<string>(
      clock,
      (item) => called.push([item, clock.now()]),
      () => false,
    );
    deadlines.add(300, "late");
    deadlines.add(100, "early");
    clock.advance(50);
    deadlines.add(60, "earlier");

    clock.advance(1000);

    expect(called).toEqual([
      ["earlier", 60],
      ["early", 100],
      ["late", 300],
    ]);
  });

  it("drop entries that are over when they pile up", () => {
    const clock = makeManualClock(0);
    let asked = 0;
    const deadlines = makeDeadlines<number>(
      clock,
      () => {},
      () => {
        asked++;
        return true;
      },
    );

    for (let index = 0; index < 3000; index++) deadlines.add(1_000_000 + index, index);

    expect(asked).toBeGreaterThan(1000);
    expect(asked).toBeLessThan(6000);
  });
});
