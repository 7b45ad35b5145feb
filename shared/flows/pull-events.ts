// Campaign's e-mail events onto the timelines of Dynamics (design.md §4). A checkpoint moves only after its page is written; rows come late and share
// timestamps, so that every run reads a little of what was read before, and now and then a lot. What is done with a page is place-events.ts.

import { type EventType, eventTypes } from "../model/email-event.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import type { EgressPorts, Skipped } from "./egress-ports.js";
import { nonePlaced, type PlacedCounts, placeEvents } from "./place-events.js";

/** How far back each run reads. `wide` every `wideEvery`; all in ms. */
export interface PullPace {
  pageSize: number;
  narrowMs: number;
  wideMs: number;
  wideEveryMs: number;
}

/** What one pull did. `upToDate`: everything there was has been read. */
export interface PullResult extends PlacedCounts {
  skipped: Skipped;
  upToDate: boolean;
}

const flow = "egress";
const stream = "events";

/**
 * Reads on from the checkpoint until there is nothing new, or `deadline` (epoch ms). The first run starts at now; so does a type that is switched on.
 * ConflictError: another run owns the stream; nothing is wrong.
 */
export async function pullEvents(ports: EgressPorts, pace: PullPace, deadline: number): Promise<PullResult> {
  await ports.binding();
  const { types, tasks } = await ports.settings();
  const result: PullResult = { ...nonePlaced, skipped: {}, upToDate: false };
  const now = ports.clock.now();
  let { values, etag } = await ready(ports, types, now);
  if (types.size === 0) return { ...result, upToDate: true };

  const isWide = now - timeOf(values.wideAt) >= pace.wideEveryMs;
  const from = iso(timeOf(values.since) - (isWide ? pace.wideMs : pace.narrowMs));
  const enabled = enabledOf(values, types);
  let cursor: string | undefined;
  for (;;) {
    const page = await ports.source.readEvents(from, cursor, pace.pageSize);
    const counts = await placeEvents(ports, page.events, { enabled, tasks });
    add(result, counts, page.skipped);
    const last = latestOf(page.events.map(({ changedAt }) => changedAt));
    values = {
      ...values,
      ...totals(values, counts, page.skipped),
      // Also where a page held nothing but rows that are no events for us.
      since: latestOf([page.upTo ?? last, String(values.since)]),
      at: iso(ports.clock.now()),
      ...(page.next === undefined && isWide && { wideAt: iso(now) }),
      ...(counts.written > 0 && { lastEventAt: last }),
    };
    etag = await ports.checkpoints.save(flow, stream, values, etag);
    if (page.receipt !== undefined) await ports.source.acknowledge?.(page.receipt);
    if (page.next === undefined) return { ...result, upToDate: true };
    if (ports.clock.now() >= deadline) return result;
    cursor = page.next;
  }
}

/** The checkpoint, made on the first run, with the moment at which each type was switched on; a type that is off loses its moment. */
async function ready(
  ports: EgressPorts,
  types: ReadonlySet<EventType>,
  now: number,
): Promise<{ values: Checkpoint["values"]; etag: string }> {
  const found = await ports.checkpoints.read(flow, stream);
  const before = found?.values ?? { since: iso(now), wideAt: iso(now) };
  const rest = Object.fromEntries(Object.entries(before).filter(([name]) => !name.startsWith("on_")));
  const on = Object.fromEntries(
    eventTypes.flatMap((type) => (types.has(type) ? [[`on_${type}`, before[`on_${type}`] ?? iso(now)]] : [])),
  );
  // While nothing is on, nothing is read, and nothing of that time will be.
  const values = { ...rest, ...on, ...(types.size === 0 && { since: iso(now) }) };
  if (found && JSON.stringify(values) === JSON.stringify(before)) return { values, etag: found.etag };
  return { values, etag: await ports.checkpoints.save(flow, stream, values, found?.etag) };
}

function enabledOf(values: Checkpoint["values"], types: ReadonlySet<EventType>): Map<EventType, string> {
  return new Map([...types].map((type) => [type, String(values[`on_${type}`])]));
}

function add(result: PullResult, counts: PlacedCounts, skipped: Skipped): void {
  for (const [name, count] of Object.entries(counts)) result[name as keyof PlacedCounts] += count;
  for (const [reason, count] of Object.entries(skipped) as [keyof Skipped, number][]) {
    result.skipped[reason] = (result.skipped[reason] ?? 0) + count;
  }
}

/** Sums since the beginning, so that every event is accounted for; what the overlap reads again is `known` and not summed. */
function totals(values: Checkpoint["values"], counts: PlacedCounts, skipped: Skipped): Record<string, number> {
  const { known: _known, off: _off, ...counted } = counts;
  const sums = Object.entries({ ...counted, ...skipped }).filter(([, count]) => count > 0);
  return Object.fromEntries(sums.map(([name, count]) => [sumOf(name), Number(values[sumOf(name)] ?? 0) + count]));
}

/** Name of a sum in the checkpoint: a property name takes no hyphen. */
function sumOf(name: string): string {
  return `n_${name.replaceAll("-", "_")}`;
}

/** The latest of ISO instants; empty text when there is none. */
function latestOf(instants: readonly string[]): string {
  return [...instants].sort().at(-1) ?? "";
}

function timeOf(value: unknown): number {
  const ms = Date.parse(String(value));
  return Number.isNaN(ms) ? 0 : ms;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
