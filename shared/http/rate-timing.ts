// When the requests of a whole deployment may go out: slots at even distances, booked from one shared time. Pure: state, limit and
// time in, slots and state out. Who shares the state and how requests wait for their slots is shared-throttle.ts.

/** What a peer allows the whole deployment: `calls` in any `windowMs`. */
export interface RateLimit {
  calls: number;
  windowMs: number;
}

/** What all processes share about one peer's rate. Times are epoch ms. */
export interface RateState {
  /** The next slot that nobody has booked; fractions of a millisecond count. */
  next: number;
  /** The peer asked everybody to wait until then. */
  closedUntil: number;
  /** After a 429: `intervalMs` between slots at `at`, less from then on; without a limit, none once it is down to `freeMs`. */
  slow?: { intervalMs: number; freeMs: number; at: number };
}

/** Nothing booked, nothing slow. */
export const calmRate: RateState = { next: 0, closedUntil: 0 };

/** Slots lie this much further apart than the limit asks for; it is also how late one may be used without breaking the limit. */
const margin = 0.025;
/** What is booked at once, and lost when its process dies. */
const longestChunkMs = 500;
/** The peer's wishes and other clocks are not believed beyond this. */
const longestAheadMs = 60 * 60_000;

/** Time from slot to slot, and how late a slot may still be used; both in ms. */
export interface Spacing {
  intervalMs: number;
  graceMs: number;
}

const slowerAfterRepeated = 1.25;
const slowerThanSeen = 1.25;
const repeatedWithinMs = 15_000;
/** So long may the news of a slower rate take to reach every process. */
const newsMs = 1_000;
const longestIntervalMs = 10_000;
const shortestGraceMs = 25;
const stepMs = 3_000;
const stepShare = 0.97;
const freeShare = 0.5;
const longestSeenMs = 50;

/**
 * The spacing now; undefined when nothing limits the rate. Starts no more than `calls` requests in any window, fixed or sliding:
 * n slots, each used up to a margin late, span more than the window. After a 429 the spacing shrinks by 3 % every 3 s.
 */
export function spacingAt({ slow }: RateState, limit: RateLimit | undefined, now: number): Spacing | undefined {
  const steps = slow ? Math.max(0, Math.floor((now - slow.at) / stepMs)) : 0;
  const slowMs = slow ? slow.intervalMs * stepShare ** steps : 0;
  if (limit) {
    const plannedMs = (limit.windowMs * (1 + margin)) / limit.calls;
    return { intervalMs: Math.max(plannedMs, slowMs), graceMs: limit.windowMs * margin };
  }
  if (!slow || slowMs <= slow.freeMs) return undefined;
  return { intervalMs: slowMs, graceMs: Math.max(slowMs, shortestGraceMs) };
}

/** Books `count` slots not before `from`, at most half a second's worth but always one: the slots (epoch ms) and the state that has them booked. */
export function bookSlots(
  state: RateState,
  spacing: Spacing,
  { count, from }: { count: number; from: number },
): { slots: number[]; state: RateState } {
  const most = Math.max(1, Math.floor(longestChunkMs / spacing.intervalMs));
  const first = nextFree(state, from);
  const slots = Array.from({ length: Math.min(count, most) }, (_, index) => first + index * spacing.intervalMs);
  return { slots, state: { ...state, next: first + slots.length * spacing.intervalMs } };
}

/** When the next slot is that nobody has booked. A booking absurdly far ahead is some clock's mistake. */
export function nextFree({ next }: RateState, now: number): number {
  return next > now + longestAheadMs ? now : Math.max(next, now);
}

/** Until when the peer asked everybody to wait. A time absurdly far ahead is some clock's mistake, too. */
export function closedUntilOf({ closedUntil }: RateState, now: number): number {
  return closedUntil > now + 2 * longestAheadMs ? 0 : closedUntil;
}

/**
 * The state after a 429 to a request that began at `began`: closed until `until`, and slower, once for all requests that were
 * under way together. `seenMs` is the time between requests lately, where there were enough to tell; it counts without a limit.
 */
export function afterRefusal(state: RateState, { until, began, now, limit, seenMs }: Refusal): RateState {
  const closed = { ...state, closedUntil: Math.min(now + longestAheadMs, Math.max(closedUntilOf(state, now), until)) };
  if (state.slow && began < state.slow.at + newsMs) return closed;
  const spacing = spacingAt(state, limit, now);
  if (spacing) {
    // With the limit known, a single 429 is a stray: requests arrived closer together than they went out.
    const isStray = limit !== undefined && (state.slow === undefined || now - state.slow.at > repeatedWithinMs);
    const slower = Math.min(longestIntervalMs, spacing.intervalMs * slowerAfterRepeated);
    const intervalMs = isStray ? spacing.intervalMs : Math.max(spacing.intervalMs, slower);
    return { ...closed, slow: { intervalMs, freeMs: state.slow?.freeMs ?? 0, at: now } };
  }
  if (seenMs === undefined) return closed;
  // Few calls lately say how little there was to do, not how little is allowed; repeated 429s slow further from here.
  const knownMs = Math.min(seenMs, longestSeenMs);
  return { ...closed, slow: { intervalMs: knownMs * slowerThanSeen, freeMs: knownMs * freeShare, at: now } };
}

/** A 429 as it is answered; see afterRefusal. */
export interface Refusal {
  until: number;
  began: number;
  now: number;
  limit: RateLimit | undefined;
  seenMs: number | undefined;
}
