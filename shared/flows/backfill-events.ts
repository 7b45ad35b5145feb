// A slice of an ordered back-fill: months of e-mail events onto the timelines of Dynamics, page by page, oldest change first, without follow-up tasks and
// behind everything fresh (design.md §4). Ordering is backfill-order.ts, what is done with a page place-events.ts.

import { ConflictError, MissingError, RefusedError, SyncError, safeMessage, TableError } from "../errors.js";
import type { EmailEvent, EventType } from "../model/email-event.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import { type Backfill, backfillFlow, backfillStream, ended, toBackfill } from "./backfill-order.js";
import { grownSums } from "./checkpoint-sums.js";
import type { EgressPorts, EventPage, HistorySource, SkippedRow } from "./egress-ports.js";
import { type PlacedCounts, placeEvents } from "./place-events.js";
import { isPullBehind, whyHeld } from "./pull-events.js";
import { countSkipped } from "./skipped-rows.js";

/** What a back-fill works with: its own source and sink, so that fresh events never stand in line behind history. */
export type BackfillPorts = Omit<EgressPorts, "source"> & {
  source: HistorySource;
};

/** `lateMs`: a row may show up so long after its change time. `retryMs`: pause after an error. */
export interface BackfillPace {
  pageSize: number;
  lateMs: number;
  retryMs: number;
}

/** What one slice did. `idle`: nothing is ordered, or it is not time yet. */
export type SliceResult = { state: "idle" } | { state: "working" | "waiting" | "done"; backfill: Backfill };

interface Slice {
  ports: BackfillPorts;
  pace: BackfillPace;
  values: Checkpoint["values"];
  etag: string;
  /** Where it reads on; without, it asks anew from what has been reached. */
  reading: Reading | undefined;
  /** Rows that stood at the edge of the last page: the next one begins with them. */
  edge: ReadonlySet<string>;
}

/** A place in a reading. `isFresh`: it has come to rows that may not be all there yet. */
interface Reading {
  readFrom: string;
  cursor: string;
  isFresh: boolean;
}

/**
 * Goes on with what is ordered until it is done, `deadline` (epoch ms), or something goes before it: fresh events that are not read yet, a gate, an operator's
 * stop, a type switched off. Killed anywhere the next slice goes on from the last whole page. ConflictError: it was cancelled, or another slice is faster.
 */
export async function backfillSlice(ports: BackfillPorts, pace: BackfillPace, deadline: number): Promise<SliceResult> {
  const found = await ports.checkpoints.read(backfillFlow, backfillStream);
  if (!found || found.values.phase === "done") return { state: "idle" };
  if (ports.clock.now() < timeOf(found.values.retryAt)) return { state: "idle" };
  const { values, etag } = found;
  const slice: Slice = { ports, pace, values, etag, reading: leftReading(values), edge: new Set() };
  try {
    await ports.binding();
    do {
      const reason = await whatGoesFirst(ports, toBackfill(slice.values));
      if (reason !== undefined) {
        if (slice.values.waiting !== reason) await save(slice, { ...slice.values, waiting: reason });
        return { state: "waiting", backfill: toBackfill(slice.values) };
      }
      await doPage(slice);
      if (slice.values.phase === "done") return { state: "done", backfill: toBackfill(slice.values) };
    } while (ports.clock.now() < deadline && slice.values.retryAt === undefined);
    return { state: "working", backfill: toBackfill(slice.values) };
  } catch (error) {
    await noteTrouble(slice, error);
    throw error;
  }
}

/** Why history has to wait now. */
async function whatGoesFirst(ports: BackfillPorts, { types }: Backfill): Promise<string | undefined> {
  const { types: on } = await ports.settings();
  const off = types.filter((type) => !on.has(type));
  if (off.length > 0) return `events of type ${off.join(", ")} have been switched off`;
  if (await isPullBehind(ports)) return "fresh events are read first";
  return whyHeld(ports);
}

async function doPage(slice: Slice): Promise<void> {
  const { ports, pace, edge } = slice;
  const { from, to, types, reached } = toBackfill(slice.values);
  const began = ports.clock.now();
  // What changed before this is all there: no row shows up later than that.
  const settled = iso(began - pace.lateMs);
  const page = await readPage(slice, reached);
  await ports.gates.fine("campaign");

  const events = page.events.filter((event) => event.changedAt < to && !edge.has(eventKey(event)));
  const skipped = page.skipped.filter((row) => (row.changedAt ?? from) < to && !edge.has(rowKey(row)));
  const enabled = new Map<EventType, string>(types.map((type) => [type, from]));
  const counts = await placeEvents(ports, events, { enabled, tasks: new Set() });
  if (hasAskedDynamics(counts)) await ports.gates.fine("dynamics");

  const shown = page.next === undefined ? to : earlier(page.upTo ?? reached, to);
  // From the first row on that is too fresh, the rest of the reading proves nothing: that part is read once more when it has settled.
  const wasFresh = slice.reading?.isFresh === true;
  const isFresh = wasFresh || shown > settled;
  const since = wasFresh ? reached : later(earlier(shown, settled), reached);
  const readFrom = slice.reading?.readFrom ?? reached;
  slice.reading = page.next === undefined || shown >= to ? undefined : { readFrom, cursor: page.next, isFresh };
  slice.edge = edgeOf(page);
  const now = ports.clock.now();
  const values = {
    ...without(slice.values, ["cursor", "readFrom", "isFresh", "waiting", "retryAt"]),
    ...grownSums(slice.values, {
      ...counts,
      ...countSkipped(skipped),
      ...repeats(events, counts),
      rows: events.length + skipped.length,
    }),
    since,
    at: iso(now),
    busyMs: Number(slice.values.busyMs ?? 0) + (now - began),
  };
  // The next slice reads on from `since`; only where that did not move it needs to know more.
  if (slice.reading) return save(slice, { ...values, ...(since === reached && slice.reading) });
  if (!isFresh) return save(slice, ended(values, now, false));
  const retryAt = iso(timeOf(to) + pace.lateMs);
  return save(slice, { ...values, retryAt, waiting: `rows may still come late until ${retryAt}` });
}

/** The next page: behind the cursor or, where Campaign does not know any more what an earlier slice left, from what has been reached. */
async function readPage(slice: Slice, reached: string): Promise<EventPage> {
  const { reading, pace, ports } = slice;
  if (reading) {
    try {
      return await ports.source.readEvents(reading.readFrom, reading.cursor, pace.pageSize);
    } catch (error) {
      const isRefusal = error instanceof RefusedError || error instanceof MissingError || error instanceof TableError;
      const isLeft = slice.edge.size === 0;
      if (!isRefusal || !isLeft) throw error;
      slice.reading = undefined;
    }
  }
  return ports.source.readEvents(reached, undefined, pace.pageSize);
}

/** Where an earlier slice stood. */
function leftReading({ cursor, readFrom, isFresh }: Checkpoint["values"]): Reading | undefined {
  if (cursor === undefined) return undefined;
  return { cursor: String(cursor), readFrom: String(readFrom), isFresh: isFresh === true };
}

function edgeOf({ events, skipped, upTo }: EventPage): ReadonlySet<string> {
  const last = <Row extends { changedAt?: string }>({ changedAt }: Row): boolean => changedAt === upTo;
  return new Set([...events.filter(last).map(eventKey), ...skipped.filter(last).map(rowKey)]);
}

function eventKey({ type, id, changedAt }: EmailEvent): string {
  return `event/${type}/${id}@${changedAt}`;
}

function rowKey({ key, changedAt }: SkippedRow): string {
  return `row/${key}@${changedAt}`;
}

async function save(slice: Slice, values: Checkpoint["values"]): Promise<void> {
  slice.etag = await slice.ports.checkpoints.save(backfillFlow, backfillStream, values, slice.etag);
  slice.values = values;
}

/** Leaves word of what went wrong, and lets the next slices pass for a while. */
async function noteTrouble(slice: Slice, error: unknown): Promise<void> {
  if (!(error instanceof SyncError) || error instanceof ConflictError) return;
  const retryAt = iso(slice.ports.clock.now() + slice.pace.retryMs);
  try {
    await save(slice, { ...slice.values, waiting: safeMessage(error), retryAt });
  } catch (failure) {
    // The tables may be what is away; the error itself says more than this one.
    if (!(failure instanceof SyncError)) throw failure;
  }
}

/** Whoever was new was looked up there. */
function hasAskedDynamics({ written, existed, noContact, refused }: PlacedCounts): boolean {
  return written + existed + noContact + refused > 0;
}

/** Rows of one event within a page count once as an event; the others are known, so that the sums add up to the rows. */
function repeats(events: readonly EmailEvent[], counts: PlacedCounts): { known: number } {
  const { known, ...rest } = counts;
  return { known: events.length - Object.values(rest).reduce((sum, count) => sum + count, 0) };
}

function without(values: Checkpoint["values"], names: readonly string[]): Checkpoint["values"] {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}

const earlier = (one: string, other: string): string => (one < other ? one : other);
const later = (one: string, other: string): string => (one > other ? one : other);

/** Epoch ms; 0 when there is no such instant. */
function timeOf(value: unknown): number {
  return value === undefined ? 0 : Date.parse(String(value));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
