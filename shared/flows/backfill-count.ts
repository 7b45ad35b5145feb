// How much history there is, before anybody orders it: with the fewest calls to Campaign that tell (facts/campaign.md §5, counting). Reads and writes nothing else.

import { type EventType, eventTypes } from "../model/email-event.js";
import type { Period } from "./backfill-order.js";
import type { EventPage, HistorySource, Skipped } from "./egress-ports.js";

/** Rows of a period. `orMore`: Campaign does not count, and reading ended at a bound. `by`: as Campaign counts, or as they were read. */
export interface RowCount {
  rows: number;
  orMore: boolean;
  by: "count" | "reading";
}

/** What they are. `exact`: all were looked at; otherwise a page of each part of the period was. */
export interface RowSplit {
  exact: boolean;
  types: Record<EventType, number>;
  skipped: Skipped;
}

/** So many rows are read one by one; what is larger is counted by Campaign, and read at places only. */
const mostRead = 2_000;
const readSize = 200;
const halvings = 12;

/** Rows of a period, what they are, and when the oldest row that Campaign still has changed (ISO). */
export type PeriodCount = RowCount & { split: RowSplit; oldestRow?: string };

/** Counts the rows of a period and what they are, in some sixty calls to Campaign at most. */
export async function countPeriod(source: HistorySource, period: Period): Promise<PeriodCount> {
  const oldestRow = await source.oldestChange();
  const counted = await countPart(source, period, oldestRow);
  return { ...counted, ...(oldestRow !== undefined && { oldestRow }) };
}

async function countPart(source: HistorySource, period: Period, oldestRow = period.from): Promise<PeriodCount> {
  const counted = await countedRows(source, period);
  if (counted !== undefined && counted > mostRead) {
    const from = [oldestRow, period.from].sort()[1] ?? period.from;
    const split = await sample(source, { from, to: period.to, rows: counted });
    return { rows: counted, orMore: false, by: "count", split };
  }
  const { seen, rows, orMore } = await readAll(source, period);
  const split = toSplit(seen, !orMore);
  if (counted !== undefined) return { rows: counted, orMore: false, by: "count", split };
  return { rows, orMore, by: "reading", split };
}

/** Only how many: what an order is held against. */
export async function countRows(source: HistorySource, period: Period): Promise<RowCount> {
  const counted = await countedRows(source, period);
  if (counted !== undefined) return { rows: counted, orMore: false, by: "count" };
  const { rows, orMore } = await readAll(source, period);
  return { rows, orMore, by: "reading" };
}

async function countedRows(source: HistorySource, { from, to }: Period): Promise<number | undefined> {
  const since = await source.countSince(from);
  const after = since === undefined || since === 0 ? since : await source.countSince(to);
  return since === undefined || after === undefined ? undefined : Math.max(0, since - after);
}

/** By type or reason, how many rows. */
type Seen = Map<string, number>;

async function readAll(source: HistorySource, period: Period): Promise<{ seen: Seen; rows: number; orMore: boolean }> {
  const seen: Seen = new Map();
  const ids = new Set<string>();
  let rows = 0;
  let cursor: string | undefined;
  do {
    const page = await source.readEvents(period.from, cursor, readSize);
    rows += look(page, period, seen, ids);
    cursor = isBefore(page, period.to) ? page.next : undefined;
  } while (cursor !== undefined && rows < mostRead);
  return { seen, rows, orMore: cursor !== undefined };
}

/** A part of a period, with its rows. */
type Part = Period & { rows: number };

/** Halves whatever part has most rows, some times over, and takes the first page of each part for the whole part. */
async function sample(source: HistorySource, period: Part): Promise<RowSplit> {
  const parts: Part[] = [period];
  for (let halved = 0; halved < halvings; halved += 1) {
    const { from, to, rows } = parts.sort((a, b) => b.rows - a.rows).shift() ?? period;
    const middle = new Date((Date.parse(from) + Date.parse(to)) / 2).toISOString();
    const first = (await countedRows(source, { from, to: middle })) ?? 0;
    parts.push({ from, to: middle, rows: first }, { from: middle, to, rows: Math.max(0, rows - first) });
  }
  const all: Seen = new Map();
  for (const part of parts.filter(({ rows }) => rows > 0)) {
    const seen: Seen = new Map();
    const looked = look(await source.readEvents(part.from, undefined, readSize), part, seen, new Set());
    for (const [what, count] of seen) all.set(what, (all.get(what) ?? 0) + (count * part.rows) / looked);
  }
  return toSplit(all, false);
}

/** Counts a page's rows into `seen`, each event once; answers how many there were. */
function look({ events, skipped }: EventPage, { to }: Period, seen: Seen, ids: Set<string>): number {
  let rows = 0;
  const count = (what: string, by: number): void => {
    seen.set(what, (seen.get(what) ?? 0) + by);
    rows += by;
  };
  for (const { type, id, changedAt } of events) {
    if (changedAt >= to || ids.has(`${type}/${id}`)) continue;
    ids.add(`${type}/${id}`);
    count(type, 1);
  }
  for (const { reason, changedAt } of skipped) if (changedAt === undefined || changedAt < to) count(reason, 1);
  return rows;
}

function isBefore({ upTo }: EventPage, to: string): boolean {
  return upTo === undefined || upTo < to;
}

function toSplit(seen: Seen, exact: boolean): RowSplit {
  const of = (name: string): number => Math.round(seen.get(name) ?? 0);
  const types = new Set<string>(eventTypes);
  const reasons = [...seen.keys()].filter((name) => !types.has(name));
  return {
    exact,
    types: Object.fromEntries(eventTypes.map((type) => [type, of(type)])) as RowSplit["types"],
    skipped: Object.fromEntries(reasons.map((reason) => [reason, of(reason)])),
  };
}
