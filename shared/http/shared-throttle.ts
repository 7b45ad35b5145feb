// A throttle that all processes share: slots of a common rate, and the windows in which a peer asked everybody to wait. The sums
// are rate-timing.ts; where the shared state is kept is storage/rates.ts.

import { AuthError, ConflictError, UnavailableError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import type { HttpCall } from "./client.js";
import {
  afterRefusal,
  bookSlots,
  calmRate,
  closedUntilOf,
  nextFree,
  type RateLimit,
  type RateState,
  type Spacing,
  spacingAt,
} from "./rate-timing.js";
import { makeRecentRate } from "./recent-rate.js";
import { type Throttle, waitUntil } from "./throttle.js";

/** Where the state of one peer's rate is shared. `save` throws ConflictError when somebody else saved since. */
export interface RateStore {
  read(): Promise<{ state: RateState; etag: string } | undefined>;
  /** Saves under `etag`, or as new without one; answers the new ETag. */
  save(state: RateState, etag: string | undefined): Promise<string>;
}

/** Without `limit` nothing is spaced out until the peer answers 429. */
export interface SharedThrottleOptions {
  store: RateStore;
  clock: Clock;
  limit?: RateLimit;
}

const viewAgeMs = 1_000;
const triesAfterConflict = 8;
const longestLeadMs = 2_000;
/** How much of a slow booking's time the next one reckons with, when it was faster itself. */
const leadShare = 0.8;

/**
 * The process's share in a common rate. State is read at most once a second, and slots are booked by compare-and-set in chunks
 * that grow with use; booked ones that are not used in time lapse. Clocks of the processes are taken to agree within the margin
 * of the rate. While the state can be neither read nor saved, the process goes by what it knew last: it may then be one of
 * several that each take the whole rate, until the peer answers 429.
 */
export function makeSharedThrottle({ store, clock, limit }: SharedThrottleOptions): Throttle {
  let view: { state: RateState; etag: string | undefined; at: number } = {
    state: calmRate,
    etag: undefined,
    at: Number.NEGATIVE_INFINITY,
  };
  let reading: Promise<void> | undefined;
  let booking: Promise<void> | undefined;
  /** What this process was told itself holds whatever the store says. */
  let toldUntil = 0;
  let slots: number[] = [];
  let chunk = 1;
  let unused = 0;
  let lastBooked = 0;
  /** How long a booking takes: its first slot must not lapse before it is stored. */
  let leadMs = 0;
  const recent = makeRecentRate();

  const read = async (): Promise<void> => {
    const at = clock.now();
    const before = view.etag;
    try {
      const stored = await store.read();
      // A save of our own that overtook this read is newer.
      if (view.etag === before) view = { state: stored?.state ?? calmRate, etag: stored?.etag, at };
    } catch (error) {
      if (!isAway(error)) throw error;
      view = { ...view, at };
    }
  };

  const refresh = async (): Promise<void> => {
    if (clock.now() - view.at < viewAgeMs) return;
    reading ??= read().finally(() => {
      reading = undefined;
    });
    await reading;
  };

  /**
   * Saves what `next` makes of the state, reading again when somebody was faster. While the store is away, it holds here at least.
   * False: others were faster for too long, and nothing has changed.
   */
  const change = async (next: (state: RateState) => RateState): Promise<boolean> => {
    for (let tried = 1; tried <= triesAfterConflict; tried += 1) {
      const at = clock.now();
      const state = next(view.state);
      try {
        view = { state, etag: await store.save(state, view.etag), at };
        return true;
      } catch (error) {
        if (isAway(error)) {
          view = { ...view, state };
          return true;
        }
        if (!(error instanceof ConflictError)) throw error;
        await read();
      }
    }
    return false;
  };

  const book = async (): Promise<void> => {
    const count = chunk;
    const began = clock.now();
    let booked: number[] = [];
    const isBooked = await change((state) => {
      const from = clock.now() + leadMs;
      const spacing = spacingAt(state, limit, from);
      const result = spacing ? bookSlots(state, spacing, { count, from }) : { slots: [], state };
      booked = result.slots;
      return result.state;
    });
    leadMs = Math.min(longestLeadMs, Math.max(clock.now() - began, leadMs * leadShare));
    if (isBooked) slots.push(...booked);
    chunk = unused > lastBooked / 2 ? 1 : Math.min(count * 2, Math.max(1, booked.length * 2));
    lastBooked = booked.length;
    unused = 0;
  };

  const bookMore = (): Promise<void> => {
    booking ??= book().finally(() => {
      booking = undefined;
    });
    return booking;
  };

  /** The first slot that has not lapsed, taken; undefined when there is none. */
  const takeSlot = ({ graceMs }: Spacing): number | undefined => {
    for (;;) {
      const slot = slots.shift();
      if (slot === undefined || clock.now() <= slot + graceMs) return slot;
      unused += 1;
    }
  };

  /** A slot for the call; ThrottledError when none is to be had before its deadline. */
  const findSlot = async (spacing: Spacing, call: HttpCall): Promise<number | undefined> => {
    const slot = takeSlot(spacing);
    if (slot === undefined) {
      const free = nextFree(view.state, clock.now());
      // Nothing is booked in vain; what others have booked since only makes it later.
      if (free >= call.deadline) await waitUntil(free, call, clock);
      await bookMore();
      return undefined;
    }
    if (slot >= call.deadline) {
      slots.unshift(slot);
      await waitUntil(slot, call, clock);
    }
    // Under steady use the next chunk is booked while this one lasts.
    if (chunk > 2 && slots.length <= chunk / 4) void bookMore().catch(() => {});
    return slot;
  };

  return {
    async admit(call) {
      let slot: number | undefined;
      for (;;) {
        await refresh();
        // From here to the return nothing waits: what is checked still holds when the request goes out.
        const now = clock.now();
        const closedUntil = Math.max(toldUntil, closedUntilOf(view.state, now));
        const spacing = spacingAt(view.state, limit, now);
        if (closedUntil > now) {
          slot = undefined;
          await waitUntil(closedUntil, call, clock);
        } else if (spacing && slot === undefined) {
          slot = await findSlot(spacing, call);
        } else if (spacing && slot !== undefined && now > slot + spacing.graceMs) {
          slot = undefined;
          unused += 1;
        } else if (spacing && slot !== undefined && slot > now) {
          await waitUntil(slot, call, clock);
        } else {
          recent.add(now);
          return;
        }
      }
    },

    async refused(until, began) {
      toldUntil = Math.max(toldUntil, until);
      const seenMs = recent.intervalMs(clock.now());
      await change((state) => afterRefusal(state, { until, began, now: clock.now(), limit, seenMs }));
      // Booked at the old distance.
      slots = [];
    },
  };
}

/** The store cannot be reached, or not by us. */
function isAway(error: unknown): boolean {
  return error instanceof UnavailableError || error instanceof AuthError;
}
