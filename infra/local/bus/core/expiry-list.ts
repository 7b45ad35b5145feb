// Things that run out after one fixed duration (locks). Because the duration is fixed, the order of entry is the order of
// expiry: no heap, and renewing is moving to the end. What running out means is the caller's business.
import type { Clock } from "./clock.js";

/** Entries by key, each running out `durationMs` after it was added or renewed. */
export interface ExpiryList<T> {
  readonly size: number;
  /** Adds or renews; answers the instant it will run out. */
  renew(key: string, item: T): number;
  get(key: string): T | undefined;
  delete(key: string): boolean;
  values(): Iterable<T>;
}

/** Makes a list that calls `onExpired` for each entry that ran out, oldest first, after removing it. */
export function makeExpiryList<T>(clock: Clock, durationMs: number, onExpired: (item: T) => void): ExpiryList<T> {
  const entries = new Map<string, { item: T; expiresAt: number }>();
  let armed = false;

  const arm = (expiresAt: number): void => {
    if (armed) return;
    armed = true;
    clock.later(expiresAt - clock.now(), sweep);
  };

  const sweep = (): void => {
    armed = false;
    for (const [key, entry] of entries) {
      if (entry.expiresAt > clock.now()) {
        arm(entry.expiresAt);
        return;
      }
      entries.delete(key);
      onExpired(entry.item);
    }
  };

  return {
    get size() {
      return entries.size;
    },
    renew(key, item) {
      const expiresAt = clock.now() + durationMs;
      entries.delete(key);
      entries.set(key, { item, expiresAt });
      arm(expiresAt);
      return expiresAt;
    },
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      // A busy process fires timers late; a lock is over when its time is over all the same.
      if (entry.expiresAt <= clock.now()) {
        entries.delete(key);
        onExpired(entry.item);
        return undefined;
      }
      return entry.item;
    },
    delete: (key) => entries.delete(key),
    *values() {
      for (const entry of entries.values()) yield entry.item;
    },
  };
}
