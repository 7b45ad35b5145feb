// Virtual time: events in a heap, run one after another, each with everything that follows from it without waiting. No real time passes.
// What the events are is everybody else's business.

import type { Clock } from "../../shared/model/clock.js";

/** Runs events at their instants. The same events give the same order: by instant, then by when they were planned. */
export interface Scheduler {
  readonly clock: Clock;
  now(): number;
  /** Runs `event` at `instant` (epoch ms), or as soon as possible if that is past. */
  at(instant: number, event: () => void): void;
  after(ms: number, event: () => void): void;
  pause(ms: number): Promise<void>;
  /** Runs events up to `until`, or until `isOver` says so between two of them. Answers how many. */
  runUntil(until: number, isOver?: () => boolean): Promise<number>;
  /** Instant of the next event. */
  nextAt(): number | undefined;
  /** Called between events, when nothing is left that follows from the last one; answers whether it started anything. */
  onTurn(turn: () => boolean): void;
}

interface Planned {
  instant: number;
  order: number;
  event(): void;
}

/** Makes a scheduler standing at `iso`. */
export function makeScheduler(iso: string): Scheduler {
  const heap: Planned[] = [];
  let now = Date.parse(iso);
  let planned = 0;
  let turn: () => boolean = () => false;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => at(now + ms, resolve));
  const at = (instant: number, event: () => void): void => {
    planned += 1;
    push(heap, { instant, order: planned, event });
  };

  return {
    clock: { now: () => now, sleep: pause },
    now: () => now,
    at,
    after: (ms, event) => at(now + ms, event),
    pause,
    nextAt: () => heap[0]?.instant,
    onTurn(next) {
      turn = next;
    },
    async runUntil(until, isOver = () => false) {
      let count = 0;
      for (;;) {
        const next = heap[0];
        if (!next || next.instant > until || isOver()) break;
        pop(heap);
        now = Math.max(now, next.instant);
        next.event();
        await quiet();
        if (turn()) await quiet();
        count += 1;
      }
      if (!isOver() && Number.isFinite(until)) now = Math.max(now, until);
      return count;
    },
  };
}

/** Resolves when no promise is left that could go on: nothing in this world waits for anything but events. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.instant !== b.instant ? a.instant < b.instant : a.order < b.order;
}

function push(heap: Planned[], item: Planned): void {
  let place = heap.length;
  heap.push(item);
  while (place > 0) {
    const above = (place - 1) >> 1;
    const parent = heap[above];
    if (!parent || !isBefore(item, parent)) break;
    heap[place] = parent;
    place = above;
  }
  heap[place] = item;
}

function pop(heap: Planned[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let place = 0;
  for (;;) {
    const [left, right] = [heap[2 * place + 1], heap[2 * place + 2]];
    const child = right && left && isBefore(right, left) ? 2 * place + 2 : 2 * place + 1;
    const below = heap[child];
    if (!below || !isBefore(below, last)) break;
    heap[place] = below;
    place = child;
  }
  heap[place] = last;
}
