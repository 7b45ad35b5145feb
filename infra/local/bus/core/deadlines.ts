// Instants at which something has to be looked at (a scheduled message is due, a message expires). Entries are never taken
// out: whoever is called decides whether there is still anything to do.
import type { Clock } from "./clock.js";
import { makeHeap } from "./heap.js";

/** Calls back at given instants, in their order. */
export interface Deadlines<T> {
  add(at: number, item: T): void;
}

/** Makes deadlines that call `onDue`; entries for which `isOver` is true are dropped when they pile up. */
export function makeDeadlines<T>(clock: Clock, onDue: (item: T) => void, isOver: (item: T) => boolean): Deadlines<T> {
  const heap = makeHeap<{ at: number; item: T }>((entry) => entry.at);
  let armedFor = Number.POSITIVE_INFINITY;
  let cancel: () => void = () => {};
  let compactAbove = 1024;

  const arm = (): void => {
    const next = heap.peek();
    if (next === undefined || next.at >= armedFor) return;
    cancel();
    armedFor = next.at;
    cancel = clock.later(next.at - clock.now(), fire);
  };

  const fire = (): void => {
    armedFor = Number.POSITIVE_INFINITY;
    for (let next = heap.peek(); next !== undefined && next.at <= clock.now(); next = heap.peek()) {
      heap.pop();
      onDue(next.item);
    }
    arm();
  };

  return {
    add(at, item) {
      if (heap.size >= compactAbove) {
        heap.filter((entry) => !isOver(entry.item));
        compactAbove = Math.max(1024, 2 * heap.size);
      }
      heap.push({ at, item });
      arm();
    },
  };
}
