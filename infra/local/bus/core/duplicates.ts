import { makeFifo } from "./fifo.js";

/** Remembers message ids for the duplicate detection window. */
export interface DuplicateWindow {
  /** True when the id was already seen inside the window; otherwise remembers it as seen at `now`. */
  seenBefore(messageId: string, now: number): boolean;
  /** Ids still remembered, with the instant they were first seen. */
  entries(now: number): Iterable<readonly [messageId: string, seenAt: number]>;
  clear(): void;
}

/** Makes a window of `windowMs`. Completing a message does not clear its id (facts/azure-local.md §1). */
export function makeDuplicateWindow(windowMs: number): DuplicateWindow {
  let seen = new Map<string, number>();
  let order = makeFifo<readonly [string, number]>();
  let oldest: readonly [string, number] | undefined;

  const forgetOlderThan = (instant: number): void => {
    oldest ??= order.shift();
    while (oldest !== undefined && oldest[1] <= instant) {
      seen.delete(oldest[0]);
      oldest = order.shift();
    }
  };

  return {
    seenBefore(messageId, now) {
      forgetOlderThan(now - windowMs);
      if (seen.has(messageId)) return true;
      seen.set(messageId, now);
      order.push([messageId, now]);
      return false;
    },
    entries(now) {
      forgetOlderThan(now - windowMs);
      return seen.entries();
    },
    clear() {
      seen = new Map();
      order = makeFifo();
      oldest = undefined;
    },
  };
}
