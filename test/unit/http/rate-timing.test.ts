import { describe, expect, it } from "vitest";
import {
  afterRefusal,
  bookSlots,
  calmRate,
  closedUntilOf,
  type RateState,
  spacingAt,
} from "../../../shared/http/rate-timing.js";

const now = Date.parse("2026-03-01T00:00:00Z");
const tenASecond = { calls: 10, windowMs: 1_000 };

/** A 429 at `at` to a request that began then; seen before it: a request every 20 ms. */
function refusedAt(at: number, changes: Partial<Parameters<typeof afterRefusal>[1]> = {}) {
  return { until: at + 1_000, began: at, now: at, limit: undefined, seenMs: 20, ...changes };
}

describe("spacingAt", () => {
  it("spreads a limit evenly, a few per cent slower than it allows", () => {
    expect(spacingAt(calmRate, tenASecond, now)?.intervalMs).toBeCloseTo(102.5);
  });

  it("leaves the rate alone without a limit and without a 429", () => {
    expect(spacingAt(calmRate, undefined, now)).toBeUndefined();
  });

  it("shrinks back to the limit step by step after a 429, and not below it", () => {
    const state: RateState = { ...calmRate, slow: { intervalMs: 150, freeMs: 0, at: now } };

    const intervals = [0, 3, 6, 9, 60].map((s) => spacingAt(state, tenASecond, now + s * 1_000)?.intervalMs ?? 0);

    expect(intervals.map(Math.round)).toEqual([150, 146, 141, 137, 103]);
  });

  it("ends without a limit once the rate is well above the one that was refused", () => {
    const state = afterRefusal(calmRate, refusedAt(now));

    expect(spacingAt(state, undefined, now)?.intervalMs).toBe(25);
    expect(spacingAt(state, undefined, now + 60_000)?.intervalMs).toBeGreaterThan(10);
    expect(spacingAt(state, undefined, now + 120_000)).toBeUndefined();
  });
});

describe("bookSlots", () => {
  it("books from the shared time on, at even distances, and moves it behind them", () => {
    const spacing = { intervalMs: 102.5, graceMs: 25 };

    const { slots, state } = bookSlots({ ...calmRate, next: now + 50 }, spacing, { count: 3, from: now });

    expect(slots).toEqual([now + 50, now + 152.5, now + 255]);
    expect(state.next).toBe(now + 357.5);
  });

  it.each([
    ["half a second's worth", 10, 50],
    ["one", 10_000, 1],
  ])("books no more than %s at once", (_what, intervalMs, most) => {
    expect(bookSlots(calmRate, { intervalMs, graceMs: 1 }, { count: 1_000, from: now }).slots).toHaveLength(most);
  });

  it("does not wait for a time that only a wrong clock can have booked", () => {
    const { slots } = bookSlots(
      { ...calmRate, next: now + 2 * 3_600_000 },
      { intervalMs: 100, graceMs: 25 },
      { count: 1, from: now },
    );

    expect(slots).toEqual([now]);
  });
});

describe("afterRefusal", () => {
  it("keeps the later of two windows, and believes none of more than an hour", () => {
    const first = afterRefusal(calmRate, refusedAt(now, { until: now + 60_000 }));

    expect(afterRefusal(first, refusedAt(now)).closedUntil).toBe(now + 60_000);
    expect(afterRefusal(first, refusedAt(now, { until: now + 1e9 })).closedUntil).toBe(now + 3_600_000);
  });

  it("forgets a window that only a wrong clock can have stored", () => {
    const state = { ...calmRate, closedUntil: now + 1e9 };

    expect(closedUntilOf(state, now)).toBe(0);
    expect(afterRefusal(state, refusedAt(now)).closedUntil).toBe(now + 1_000);
  });

  it("slows down once for all requests that were under way together", () => {
    const first = afterRefusal(calmRate, refusedAt(now));

    const second = afterRefusal(first, refusedAt(now + 30, { began: now - 10 }));

    expect(second.slow).toEqual(first.slow);
  });

  it("takes one refusal under a known limit for a stray, and slows down by a quarter at every further one", () => {
    const limit = tenASecond;
    const first = afterRefusal(calmRate, refusedAt(now, { limit }));
    const second = afterRefusal(first, refusedAt(now + 2_000, { limit }));
    const muchLater = afterRefusal(second, refusedAt(now + 600_000, { limit }));

    expect([first, second, muchLater].map(({ slow }) => slow?.intervalMs)).toEqual([102.5, 128.125, 102.5]);
  });

  it("only waits when there is no limit and nothing tells how fast requests went out", () => {
    const state = afterRefusal(calmRate, refusedAt(now, { seenMs: undefined }));

    expect(state).toEqual({ next: 0, closedUntil: now + 1_000 });
  });
});
