// When to try again: headers and attempt number in, milliseconds out. Pure; the loop is in client.ts.

/**
 * Milliseconds a server asked us to wait, from `Retry-After` in seconds or as an HTTP date; undefined when it did not say.
 * Never negative. A date in the past means now.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined || header.trim() === "") return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds * 1000));
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const firstDelayMs = 250;
const longestDelayMs = 8_000;

/** Our own back-off before attempt `attempt + 1`: doubling from 250 ms, at most 8 s, full jitter (`random` in [0, 1)). */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1));
  return Math.round(ceiling * random);
}
