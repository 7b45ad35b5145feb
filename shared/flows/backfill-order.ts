// Ordering a back-fill of e-mail events, ending it, and what is known of it (design.md §4). Flow `egress`, stream `backfill`: nothing of it is shared with
// the pull of fresh events. The reading itself is backfill-events.ts.

import { ConflictError } from "../errors.js";
import { type EventType, eventTypes } from "../model/email-event.js";
import type { Checkpoint, CheckpointStore } from "../storage/checkpoints.js";
import { sumsOf } from "./checkpoint-sums.js";
import type { EgressPorts } from "./egress-ports.js";

/** Rows of the source that changed from `from` on and before `to` (ISO). */
export interface Period {
  from: string;
  to: string;
}

/** What an operator orders. `expected`: rows of the period as counted before, for the estimate of its end. */
export interface BackfillOrder extends Period {
  types: readonly EventType[];
  expected: number;
  by: string;
}

/** Flow of the checkpoints; that of the pull belongs to it, too. */
export const backfillFlow = "egress";
/** Stream of the last or running back-fill; those before keep theirs as `backfill-<number>`. */
export const backfillStream = "backfill";

/** Names of the sums in the checkpoint. A row that is read again, after a kill or at a page's edge, is `known`. */
export const backfillSums = ["rows", "written", "existed", "known", "noContact", "refused", "off"] as const;

/** A back-fill as its checkpoint tells it. Instants are ISO; before `reached` everything has been read. */
export interface Backfill extends BackfillOrder {
  number: number;
  phase: "reading" | "done";
  cancelled: boolean;
  reached: string;
  sums: Record<(typeof backfillSums)[number], number>;
  /** Rows that are no event, by reason. */
  skipped: Record<string, number>;
  /** Time spent at work, without pauses, in ms. */
  busyMs: number;
  startedAt: string;
  /** When the last page was done. */
  at?: string;
  finishedAt?: string;
  /** Why it stands still at the moment. */
  waiting?: string;
}

type Stores = Pick<EgressPorts, "checkpoints" | "clock">;

/** The last or running back-fill; undefined: there never was one. */
export async function readBackfill(checkpoints: CheckpointStore): Promise<Backfill | undefined> {
  const checkpoint = await checkpoints.read(backfillFlow, backfillStream);
  return checkpoint && toBackfill(checkpoint.values);
}

/** Those before the last, newest first. */
export async function earlierBackfills(checkpoints: CheckpointStore): Promise<Backfill[]> {
  const all = await checkpoints.list(backfillFlow);
  return all
    .flatMap(({ stream, values }) => (stream.startsWith(`${backfillStream}-`) ? [toBackfill(values)] : []))
    .sort((a, b) => b.number - a.number);
}

/** Orders one; the next slice starts it. ConflictError: one is under way (or was ordered by somebody else at the same moment); it says how far it is. */
export async function orderBackfill({ checkpoints, clock }: Stores, order: BackfillOrder): Promise<Backfill> {
  const current = await checkpoints.read(backfillFlow, backfillStream);
  if (current && current.values.phase !== "done") {
    const { from, to, reached, sums } = toBackfill(current.values);
    throw new ConflictError(
      `a back-fill from ${from} to ${to} is under way (${sums.rows} rows so far, up to ${reached}): wait for its end or cancel it`,
    );
  }
  if (current) await keep(checkpoints, current.values);
  const { from, to, types, expected, by } = order;
  const values: Checkpoint["values"] = {
    phase: "reading",
    number: Number(current?.values.number ?? 0) + 1,
    from,
    to,
    types: types.join(","),
    expected,
    by,
    since: from,
    startedAt: iso(clock.now()),
  };
  await checkpoints.save(backfillFlow, backfillStream, values, current?.etag);
  return toBackfill(values);
}

/** Ends one that is under way, at the latest after the page in hand; what it wrote stays. Answers whether there was one. */
export async function cancelBackfill({ checkpoints, clock }: Stores): Promise<boolean> {
  for (let tried = 1; ; tried += 1) {
    const current = await checkpoints.read(backfillFlow, backfillStream);
    if (!current || current.values.phase === "done") return false;
    try {
      await checkpoints.save(backfillFlow, backfillStream, ended(current.values, clock.now(), true), current.etag);
      return true;
    } catch (error) {
      // A slice saves after every page.
      if (!(error instanceof ConflictError) || tried === cancelTries) throw error;
    }
  }
}

const cancelTries = 8;

/** The checkpoint of one that is over. */
export function ended(values: Checkpoint["values"], now: number, cancelled: boolean): Checkpoint["values"] {
  const {
    cursor: _cursor,
    readFrom: _readFrom,
    isFresh: _isFresh,
    waiting: _waiting,
    retryAt: _retryAt,
    ...rest
  } = values;
  return { ...rest, phase: "done", cancelled, finishedAt: iso(now) };
}

/** A back-fill from its checkpoint. */
export function toBackfill(values: Checkpoint["values"]): Backfill {
  const { sums, others } = sumsOf(values, backfillSums);
  const types = String(values.types ?? "").split(",");
  return {
    number: Number(values.number),
    phase: values.phase === "done" ? "done" : "reading",
    cancelled: values.cancelled === true,
    from: String(values.from),
    to: String(values.to),
    types: eventTypes.filter((type) => types.includes(type)),
    expected: Number(values.expected ?? 0),
    by: String(values.by ?? ""),
    reached: String(values.since),
    sums,
    skipped: others,
    busyMs: Number(values.busyMs ?? 0),
    startedAt: String(values.startedAt),
    ...(values.at !== undefined && { at: String(values.at) }),
    ...(values.finishedAt !== undefined && { finishedAt: String(values.finishedAt) }),
    ...(values.waiting !== undefined && { waiting: String(values.waiting) }),
  };
}

/** Puts the summary of one that is over aside, once. */
async function keep(checkpoints: CheckpointStore, values: Checkpoint["values"]): Promise<void> {
  try {
    await checkpoints.save(backfillFlow, `${backfillStream}-${String(values.number)}`, values, undefined);
  } catch (error) {
    // Whoever died between keeping and ordering has done it already.
    if (!(error instanceof ConflictError)) throw error;
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
