// When to try again: headers and attempt number in, milliseconds out. Pure; the loop is in client.ts.

/** Nobody may close a host for longer than this by one answer; if it was meant, the next answer says so again. */
const longestAskedMs = 60 * 60_000;

/**
 * Milliseconds a server asked us to wait, from `Retry-After` in seconds or as an HTTP date; undefined when it did not say.
 * Never negative, at most an hour. A date in the past means now.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined || header.trim() === "") return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? Math.ceil(seconds * 1000) : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(longestAskedMs, Math.max(0, ms));
}

const firstDelayMs = 250;
const longestDelayMs = 8_000;

/** Our own back-off before attempt `attempt + 1`: doubling from 250 ms, at most 8 s, full jitter (`random` in [0, 1)). */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1));
  return Math.round(ceiling * random);
}
