// Where the pull of events reads on (design.md §4). Pure: from a checkpoint to a reading, and from a page to what the checkpoint says of the reading. Rows
// come late, so that every reading begins a little before what is known, and now and then a lot.

import type { Checkpoint } from "../storage/checkpoints.js";

/** How far back a reading begins, `wide` every `wideEvery`; all in ms. */
export interface ReadingPace {
  narrowMs: number;
  wideMs: number;
  wideEveryMs: number;
}

/**
 * Rows that changed at or after `from`, begun at `at` (ISO), to go on behind `cursor`. `wideStart`: it is a wide one, and where that begins by itself, whatever
 * else is read again.
 */
export interface Reading {
  from: string;
  at: string;
  wideStart?: string;
  cursor?: string;
}

/** The reading to do now: the one that a run left half done, unless that is a narrow one and a wide one is due; else a new one. */
export function readingOf(values: Checkpoint["values"], pace: ReadingPace, now: number): Reading {
  const { cursor, readFrom, readAt, wideStart, wideAt, wideFrom } = values;
  const isDue = now - Date.parse(String(wideAt)) >= pace.wideEveryMs;
  const isWide = wideStart !== undefined;
  if (cursor !== undefined && (isWide || !isDue)) {
    const begun = { from: String(readFrom), at: String(readAt), cursor: String(cursor) };
    return { ...begun, ...(isWide && { wideStart: String(wideStart) }) };
  }
  const since = Date.parse(String(values.since));
  const at = iso(now);
  if (!isDue) return { from: iso(since - pace.narrowMs), at };
  const start = iso(since - pace.wideMs);
  // Pages of the last wide one may have hidden a row from each other (see the head of campaign/event-source.ts): what it began with is read once more.
  const from = wideFrom !== undefined && String(wideFrom) < start ? String(wideFrom) : start;
  return { from, at, wideStart: start };
}

/** The checkpoint after one more page of the reading. `next`: there are more, behind this cursor; `isOnly`: it was the only one. */
export function afterPage(
  values: Checkpoint["values"],
  reading: Reading,
  { next, isOnly }: { next: string | undefined; isOnly: boolean },
): Checkpoint["values"] {
  const { cursor: _cursor, readFrom: _readFrom, readAt: _readAt, wideStart: _wideStart, ...rest } = values;
  const { from, at, wideStart } = reading;
  if (next !== undefined) {
    return {
      ...rest,
      behind: true,
      cursor: next,
      readFrom: from,
      readAt: at,
      ...(wideStart !== undefined && { wideStart }),
    };
  }
  const { wideFrom: _wideFrom, ...done } = rest;
  if (wideStart === undefined) return { ...rest, behind: false, caughtUpAt: at };
  return { ...done, behind: false, caughtUpAt: at, wideAt: at, ...(!isOnly && { wideFrom: wideStart }) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
