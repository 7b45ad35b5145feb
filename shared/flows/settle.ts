// What happens to a message after an error. Pure and total (design.md §3, Errors); handle-change.ts carries it out.

import { errorKind, SyncError, safeMessage, ThrottledError } from "../errors.js";

/**
 * The message's fate. `delay`: the same news again at `at`, as attempt `attempt`. `fail`: a row in `failures`. `redeliver`: let
 * the platform deliver it again and in the end dead-letter it; for bugs only.
 */
export type Fate =
  | { fate: "delay"; at: number; attempt: number }
  | { fate: "fail"; reason: string; code: string; message: string }
  | { fate: "redeliver" };

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Delays before the attempts that count; after the last one the record fails. */
export const delaysMs: readonly number[] = [
  5 * second,
  30 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  10 * hour,
];

/** From this attempt on (delays of half an hour and more) the row is left out: it would be old when the message comes back. */
export const firstAttemptWithoutRow = 4;

const peerPauseMs = 15 * second;
const conflictPauseMs = second;

/** Decides by kind of error. What is wrong with a peer, or was decided by somebody faster, costs no attempt. */
export function decideFate(error: unknown, attempt: number, now: number): Fate {
  switch (errorKind(error)) {
    case "throttled": {
      const asked = error instanceof ThrottledError ? error.retryAfterMs : 0;
      return { fate: "delay", at: now + Math.max(asked, second), attempt };
    }
    case "unavailable":
      // A 500 in words we do not know may be the peer's trouble or this record's data: bounded, or it would be tried for ever.
      return error instanceof SyncError && error.context.status === 500
        ? countedDelay(error, attempt, now)
        : { fate: "delay", at: now + peerPauseMs, attempt };
    case "auth":
    case "binding":
      return { fate: "delay", at: now + peerPauseMs, attempt };
    case "conflict":
      return { fate: "delay", at: now + conflictPauseMs, attempt };
    case "malformed":
    case "missing":
      return countedDelay(error, attempt, now);
    case "refused":
    case "settings":
    case "unauthenticated":
      return fail(error);
    case "bug":
      return { fate: "redeliver" };
  }
}

function countedDelay(error: unknown, attempt: number, now: number): Fate {
  const pause = delaysMs[attempt];
  return pause === undefined ? fail(error) : { fate: "delay", at: now + pause, attempt: attempt + 1 };
}

function fail(error: unknown): Fate {
  const code = error instanceof SyncError ? String(error.context.code ?? error.kind) : "bug";
  return { fate: "fail", reason: errorKind(error), code, message: safeMessage(error) };
}
