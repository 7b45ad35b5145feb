// What happens to a message after an error. Pure and total (design.md §3, Errors); handle-change.ts carries it out.

import { errorKind, SyncError, safeMessage, ThrottledError } from "../errors.js";

/**
 * The message's fate. `delay`: the same news again at `at`, as attempt `attempt`. `fail`: a row in `failures`. `redeliver`: let
 * the platform deliver it again and in the end dead-letter it; for bugs only. `park`: the table is set aside until `until`, and the message waits.
 */
export type Fate =
  | { fate: "delay"; at: number; attempt: number }
  | { fate: "fail"; reason: string; code: string; message: string }
  | { fate: "park"; code: string; message: string; until: number }
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

/** The gate holds whatever comes back meanwhile. */
const peerPauseMs = 2 * second;
const conflictPauseMs = second;
/** A table that could not be worked with is tried again after this time. */
const parkedMs = 10 * minute;

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
    case "table":
      return {
        fate: "park",
        code: error instanceof SyncError ? String(error.context.code) : "",
        message: safeMessage(error),
        until: now + parkedMs,
      };
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

/** Is the peer as a whole in trouble, so that no other record would fare better? An unclear 500 may be this record's data. */
export function isPeersTrouble(error: unknown): boolean {
  const kind = errorKind(error);
  if (kind === "unavailable") return !(error instanceof SyncError && error.context.status === 500);
  return kind === "auth" || kind === "throttled";
}

/** Did the peer answer to the point, though not as we wished? Then it works. */
export function isPeersAnswer(error: unknown): boolean {
  return answers.has(errorKind(error));
}

const answers = new Set<ReturnType<typeof errorKind>>(["refused", "missing", "conflict"]);

function countedDelay(error: unknown, attempt: number, now: number): Fate {
  const pause = delaysMs[attempt];
  return pause === undefined ? fail(error) : { fate: "delay", at: now + pause, attempt: attempt + 1 };
}

function fail(error: unknown): Fate {
  const code = error instanceof SyncError ? String(error.context.code ?? error.kind) : "bug";
  return { fate: "fail", reason: errorKind(error), code, message: safeMessage(error) };
}
