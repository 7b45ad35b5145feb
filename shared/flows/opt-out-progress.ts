// How far the pull of opt-outs has got, as its checkpoint holds it, and from when the next reading asks. Pure.
//
// Campaign's clock is not ours. `reached` is a time that Campaign's clock had surely passed when the last whole reading began (at `readAt` of ours): the
// latest change the reading saw, or the last such time and what has gone by since. What was committed before that reading began has been read; what was
// committed after it carries a later time, but for transactions that took long: those the overlap is for.

import type { Checkpoint } from "../storage/checkpoints.js";

/** A reading under way. `startedAt` by our clock (epoch ms); `from` (ISO; none: from the beginning) stays as it is when it is taken up again. */
export interface Reading {
  startedAt: number;
  from: string | undefined;
  isWide: boolean;
  cursor: string | undefined;
}

/** Times in epoch ms. `scope`: what is read; `rung`: how often the lane was asked to look, since the beginning. */
export interface PullProgress {
  scope: string;
  reached: number | undefined;
  readAt: number;
  wideAt: number;
  checkedAt: number;
  rung: number;
  reading: Reading;
}

/** How far back readings ask, in ms. */
export interface Overlap {
  narrowMs: number;
  wideMs: number;
  wideEveryMs: number;
}

const never: Omit<PullProgress, "scope" | "reading"> = {
  reached: undefined,
  readAt: 0,
  wideAt: 0,
  checkedAt: 0,
  rung: 0,
};

/** What is known before a reading: `reading` only if one is under way. */
export type KnownProgress = Omit<PullProgress, "reading"> & { reading: Reading | undefined };

/** Reads a checkpoint. Of another `scope`, or without one, nothing has been read. */
export function toProgress(values: Checkpoint["values"] | undefined, scope: string): KnownProgress {
  if (!values || values.scope !== scope) return { ...never, scope, reading: undefined };
  const time = (name: string): number | undefined => {
    const ms = Date.parse(String(values[name]));
    return Number.isNaN(ms) ? undefined : ms;
  };
  const text = (name: string): string | undefined => (typeof values[name] === "string" ? values[name] : undefined);
  const [startedAt, cursor] = [time("startedAt"), text("cursor")];
  return {
    scope,
    reached: time("reached"),
    readAt: time("readAt") ?? 0,
    wideAt: time("wideAt") ?? 0,
    checkedAt: time("checkedAt") ?? 0,
    rung: Number(values.rung ?? 0),
    reading:
      startedAt === undefined || cursor === undefined
        ? undefined
        : { startedAt, from: text("from"), isWide: values.isWide === true, cursor },
  };
}

/** The checkpoint; `now`: when it is saved, for the status. */
export function toValues({ reading, ...progress }: PullProgress, now: number): Checkpoint["values"] {
  const { reached, readAt, wideAt, checkedAt, scope, rung } = progress;
  const { startedAt, from, isWide, cursor } = reading;
  return {
    scope,
    rung,
    at: iso(now),
    readAt: iso(readAt),
    wideAt: iso(wideAt),
    checkedAt: iso(checkedAt),
    ...(reached !== undefined && { reached: iso(reached) }),
    ...(cursor !== undefined && {
      startedAt: iso(startedAt),
      isWide,
      cursor,
      ...(from !== undefined && { from }),
    }),
  };
}

/** The reading that was under way, or a new one. */
export function beginReading(known: KnownProgress, now: number, overlap: Overlap): PullProgress {
  if (known.reading) return { ...known, reading: known.reading };
  const isWide = now - known.wideAt >= overlap.wideEveryMs;
  const back = isWide ? overlap.wideMs : overlap.narrowMs;
  const from = known.reached === undefined ? undefined : iso(Math.max(0, known.reached - back));
  return { ...known, reading: { startedAt: now, from, isWide, cursor: undefined } };
}

/** The progress after a reading that came to its end; `upTo`: what changed before has been shown. */
export function endReading(progress: PullProgress, upTo: string | undefined): PullProgress {
  const { reading, reached, readAt, wideAt } = progress;
  const { startedAt, isWide } = reading;
  const gone = Math.max(0, startedAt - readAt);
  // A time to come would have everything before it missed.
  const candidates = [
    ...(reached === undefined ? [] : [reached + gone]),
    ...(upTo === undefined ? [] : [Math.min(Date.parse(upTo), startedAt)]),
  ];
  return {
    ...progress,
    reached: candidates.length === 0 ? undefined : Math.max(...candidates),
    readAt: startedAt,
    wideAt: isWide ? startedAt : wideAt,
    reading: { ...reading, cursor: undefined },
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
