// Campaign's e-mail events onto the timelines of Dynamics (design.md §4). A checkpoint moves only after its page is written. Where a reading begins and goes on
// is pull-reading.ts, what is done with a page place-events.ts.

import { MissingError, RefusedError, TableError } from "../errors.js";
import { type EmailEvent, type EventType, eventTypes } from "../model/email-event.js";
import type { Checkpoint, CheckpointStore } from "../storage/checkpoints.js";
import { grownSums } from "./checkpoint-sums.js";
import { withClaims } from "./claimed-events.js";
import type { EgressPorts, EventLedger, EventPage, Skipped } from "./egress-ports.js";
import { inOrder } from "./in-order.js";
import { nonePlaced, type Placed, type PlacedCounts, writeEvents } from "./place-events.js";
import { afterPage, type Reading, type ReadingPace, readingOf } from "./pull-reading.js";
import { countSkipped } from "./skipped-rows.js";

/** How pages are read. `pagesAtOnce` are worked on side by side, so that Dynamics is never idle. */
export interface PullPace extends ReadingPace {
  pageSize: number;
  pagesAtOnce: number;
}

/** What one pull did, each row counted once however often it comes. `upToDate`: everything there was has been read. */
export interface PullResult extends PlacedCounts {
  skipped: Skipped;
  upToDate: boolean;
  /** Why it ended before that: an operator's stop, or a gate. */
  held?: string;
  /** See `EventPage`. */
  rejected: string[];
  /** The period (ISO) whose rows Campaign purged while nothing was pulled, if there were any. */
  lost?: { from: string; to: string };
}

/** Names of the sums of events in the checkpoint; those of other rows are called by their reasons. */
export const pullSums = ["written", "existed", "noContact", "refused", "off"] as const;

const flow = "egress";
const stream = "events";
/** Nobody purges rows within an hour: a pull that was up to date a moment ago has lost none. */
const awayMs = 60 * 60_000;

/**
 * Reads on from the checkpoint until there is nothing new, `deadline` (epoch ms), an operator's stop or a closed gate. The first run starts at now; so does a type
 * that is switched on. ConflictError: another run owns the stream; nothing is wrong.
 */
export async function pullEvents(ports: EgressPorts, pace: PullPace, deadline: number): Promise<PullResult> {
  const result: PullResult = { ...nonePlaced, skipped: {}, upToDate: false, rejected: [] };
  const { types, tasks } = await ports.settings();
  const held = types.size === 0 ? undefined : await whyHeld(ports);
  if (held !== undefined) return { ...result, held };
  const start = await ready(ports, types);
  if (start === undefined) return { ...result, upToDate: true };

  let { values, etag } = start;
  const lost = await lostMeanwhile(ports, values);
  if (lost) {
    result.lost = lost;
    values = { ...values, lostFrom: lost.from, lostTo: lost.to, lostAt: iso(ports.clock.now()) };
  }
  const reading = readingOf(values, pace, ports.clock.now());
  const enabled = new Map([...types].map((type) => [type, String(values[`on_${type}`])]));
  const claiming = { ...ports, ledger: withClaims(ports.ledger) };
  // What comes once is read in step with its acknowledgements.
  const most = ports.source.acknowledge ? 1 : pace.pagesAtOnce;
  const first = Number(values.page ?? 0) + 1;
  const pages = pagesOf(ports, { reading, first, size: pace.pageSize, deadline, result });
  const placed = inOrder(pages, most, ({ page, number }) =>
    writeEvents(claiming, page.events, { enabled, tasks, page: number }),
  );
  for await (const [{ page, number }, done] of placed) {
    if (done.outcomes.length > 0) await ports.gates.fine("dynamics");
    await claiming.ledger.note(done.outcomes, number);
    const { off, skipped } = await accountForOthers(ports.ledger, page, done, number);
    add(result, { ...done.counts, off }, skipped);
    if (page.rejected !== undefined) result.rejected.push(page.rejected);
    const last = latestOf(page.events.map(({ changedAt }) => changedAt));
    const { known: _known, ...summed } = done.sums;
    const { next } = page;
    const isOnly = number === first && reading.cursor === undefined;
    values = {
      ...afterPage(values, reading, { next, isOnly }),
      // Sums since the beginning, so that every row is accounted for.
      ...grownSums(values, { ...summed, off, ...skipped }),
      page: number,
      // Also where a page held nothing but rows that are no events for us.
      since: latestOf([
        page.upTo ?? "",
        last,
        ...page.skipped.map(({ changedAt = "" }) => changedAt),
        String(values.since),
      ]),
      at: iso(ports.clock.now()),
      ...(done.counts.written > 0 && { lastEventAt: last }),
    };
    etag = await ports.checkpoints.save(flow, stream, values, etag);
    if (page.receipt !== undefined) await ports.source.acknowledge?.(page.receipt);
    result.upToDate = next === undefined;
  }
  return result;
}

interface NumberedPage {
  page: EventPage;
  number: number;
}

/** Page after page, until there is none or it is time to end; one at least. */
async function* pagesOf(
  ports: EgressPorts,
  {
    reading,
    first,
    size,
    deadline,
    result,
  }: { reading: Reading; first: number; size: number; deadline: number; result: PullResult },
): AsyncGenerator<NumberedPage> {
  let page = await firstPage(ports, reading, size);
  for (let number = first; ; number += 1) {
    await ports.gates.fine("campaign");
    yield { page, number };
    if (page.next === undefined || ports.clock.now() >= deadline) return;
    const held = await whyHeld(ports);
    if (held !== undefined) {
      result.held = held;
      return;
    }
    page = await ports.source.readEvents(reading.from, page.next, size);
  }
}

/** Behind where an earlier run ended; Campaign may not know that place any more. */
async function firstPage({ source }: EgressPorts, { from, cursor }: Reading, size: number): Promise<EventPage> {
  // Files that are read leave their folder: what is there is what is left.
  if (cursor === undefined || source.acknowledge) return source.readEvents(from, undefined, size);
  try {
    return await source.readEvents(from, cursor, size);
  } catch (error) {
    if (!(error instanceof RefusedError || error instanceof MissingError || error instanceof TableError)) throw error;
    return source.readEvents(from, undefined, size);
  }
}

/** Why no page may be read now; undefined: it may. */
export async function whyHeld({ stopped, gates }: Pick<EgressPorts, "stopped" | "gates">): Promise<string | undefined> {
  const reason = await stopped();
  if (reason !== undefined) return reason;
  const held = await gates.admit(false);
  return held && `calls to ${held.peer} are held back: ${held.reason}`;
}

/** Rows that bring nothing, as far as they count now: they come again in every overlap, too. */
async function accountForOthers(
  ledger: EventLedger,
  { skipped }: EventPage,
  { off }: Placed,
  number: number,
): Promise<{ off: number; skipped: Skipped }> {
  const rows = new Map(skipped.map((row) => [`row/${row.key}`, row]));
  const events = off.map(keyOfOff);
  if (rows.size + events.length === 0) return { off: 0, skipped: {} };
  const isNew = await ledger.noteOthers(
    [...rows.keys(), ...events].map((key) => ({ key })),
    number,
  );
  return {
    off: events.filter((key) => isNew.has(key)).length,
    skipped: countSkipped([...rows].flatMap(([key, row]) => (isNew.has(key) ? [row] : []))),
  };
}

function keyOfOff({ type, id }: EmailEvent): string {
  return `off/${type}/${id}`;
}

/** Rows that changed after everything that was read, and are gone: nothing that is read from here on tells of them. */
async function lostMeanwhile(
  { source, clock }: EgressPorts,
  { since, caughtUpAt = "" }: Checkpoint["values"],
): Promise<PullResult["lost"]> {
  const from = latestOf([String(since), String(caughtUpAt)]);
  if (clock.now() - Date.parse(from) < awayMs) return undefined;
  const to = await source.oldestChange();
  return to === undefined || to <= from ? undefined : { from, to };
}

/**
 * The checkpoint, made on the first run, with the moment at which each type was switched on; a type that is off loses its moment. Undefined: none is on. Then
 * nothing is read, and nothing of that time will be.
 */
async function ready(
  { checkpoints, binding, clock }: EgressPorts,
  types: ReadonlySet<EventType>,
): Promise<{ values: Checkpoint["values"]; etag: string } | undefined> {
  const found = await checkpoints.read(flow, stream);
  const before = found?.values ?? {};
  const marks = Object.entries(before).filter(([name]) => name.startsWith("on_"));
  if (types.size === 0 && marks.length === 0) return undefined;
  await binding();
  const now = iso(clock.now());
  const on = Object.fromEntries(
    eventTypes.flatMap((type) => (types.has(type) ? [[`on_${type}`, before[`on_${type}`] ?? now]] : [])),
  );
  const kept = Object.entries(before).filter(([name]) =>
    marks.length > 0 && types.size > 0 ? !name.startsWith("on_") : name.startsWith("n_") || name === "page",
  );
  const isFirst = marks.length === 0;
  const values = { ...(isFirst && { since: now, wideAt: now, caughtUpAt: now }), ...Object.fromEntries(kept), ...on };
  if (found && JSON.stringify(values) === JSON.stringify(before)) return { values, etag: found.etag };
  const etag = await checkpoints.save(flow, stream, values, found?.etag);
  return types.size === 0 ? undefined : { values, etag };
}

/** What the pull's checkpoint holds; nothing, before the first one. */
export async function readPull(checkpoints: CheckpointStore): Promise<Checkpoint["values"]> {
  return (await checkpoints.read(flow, stream))?.values ?? {};
}

/** Has the last pull left fresh events behind, or is it still reading them? Then history has to wait. */
export async function isPullBehind({ checkpoints }: Pick<EgressPorts, "checkpoints">): Promise<boolean> {
  return (await readPull(checkpoints)).behind === true;
}

/** Since when (ISO) all of these types have been pulled; undefined: one of them never was. What changed before is history. */
export async function pulledSince(
  { checkpoints }: Pick<EgressPorts, "checkpoints">,
  types: readonly EventType[],
): Promise<string | undefined> {
  const values = await readPull(checkpoints);
  const moments = types.map((type) => values[`on_${type}`]);
  return moments.includes(undefined) ? undefined : latestOf(moments.map(String));
}

function add(result: PullResult, counts: PlacedCounts, skipped: Skipped): void {
  for (const [name, count] of Object.entries(counts)) result[name as keyof PlacedCounts] += count;
  for (const [reason, count] of Object.entries(skipped) as [keyof Skipped, number][]) {
    result.skipped[reason] = (result.skipped[reason] ?? 0) + count;
  }
}

/** The latest of ISO instants; empty text when there is none. */
function latestOf(instants: readonly string[]): string {
  return [...instants].sort().at(-1) ?? "";
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
