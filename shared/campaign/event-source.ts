// Reading the staged e-mail events over REST, oldest change first (facts/campaign.md §8.3). Implements the port EventSource. What one call looks
// like is event-list.ts, what a row means event-row.ts.
//
// What is promised: every row that stood in the resource when a reading began, and that stays as it is until the reading is over, comes at least once.
// A row that moves meanwhile (Campaign gives it a new change time) comes again, or only once it has moved; later readings find it by its new time.
// Left to the flow, which must read again what changed a while ago: rows whose transaction ended after rows with later change times were read, and,
// should Campaign's links count rows, the neighbour of a row that moved out of a crowd of one change time which fills a page.

import { z } from "zod";
import { MalformedError } from "../errors.js";
import type { EventPage, EventSource, Skipped } from "../flows/egress-ports.js";
import { parseJson } from "../http/json.js";
import type { EmailEvent } from "../model/email-event.js";
import { type EventList, type EventListOptions, type ListedRows, makeEventList } from "./event-list.js";
import { changeOf, type EventRowSettings, readEventRow, type StagedRow } from "./event-row.js";

/** How the staged events are read. `windowRows`: most rows held in memory where there is no filter. */
export interface EventSourceOptions extends EventListOptions {
  row: Omit<EventRowSettings, "changed" | "zoneless">;
  windowRows?: number;
}

/** The port, and what the checks of the events' way ask (event-checks.ts). */
export interface RestEventSource extends EventSource {
  /** When the row that changed last did (ISO); undefined: there is none. */
  newestChange(): Promise<string | undefined>;
  /** Finds the newest row again through the filter. TableError: it does not, or something is missing. */
  probe(): Promise<void>;
}

/** Reads from one instance; `oldestChange` and each page are one call, without a filter as many as there are pages since then. */
export function makeEventSource(options: EventSourceOptions): RestEventSource {
  const list = makeEventList(options);
  const rowSettings: EventRowSettings = { ...options.row, changed: options.resource.order, zoneless: false };
  const read = options.resource.filter
    ? makeFilteredReader(list, rowSettings)
    : makeWindowReader(list, rowSettings, options.windowRows ?? 5_000);
  const firstChange = async (direction: Parameters<EventList["inOrder"]>[0]): Promise<string | undefined> => {
    // More than one: a row without a change time sorts first.
    const { rows } = await list.inOrder(direction, 25);
    for (const row of rows) {
      const changedAt = changeOf(rowSettings, row);
      if (changedAt !== undefined) return changedAt;
    }
    return undefined;
  };

  return {
    readEvents: (since, cursor, size) => read(since, cursor, size),
    oldestChange: () => firstChange("oldest first"),
    newestChange: () => firstChange("newest first"),
    async probe() {
      const newest = await firstChange("newest first");
      if (newest === undefined || !options.resource.filter) return;
      const { rows } = await list.changedSince(newest, 25);
      const changes = changesOf(rowSettings, rows);
      requireSince(list, changes, list.askable(newest));
      if (changes.length > 0) return;
      // It may have been purged or changed between the two calls; then there is another newest one.
      if ((await firstChange("newest first")) !== newest) return;
      throw list.wrong(
        "filter-wrong",
        "Campaign's filter does not find the row that changed last by its own change time",
      );
    },
  };
}

type Read = EventSource["readEvents"];

/**
 * Where a reading stands: at `since`, or on the page behind `next`. `mark`, `steps`: the link that was followed so many steps ago, so that
 * a circle of links is noticed however long it is (Brent's way: the mark moves on at every power of two).
 */
const positionSchema = z.object({
  since: z.string(),
  next: z.string().optional(),
  mark: z.string().optional(),
  steps: z.number().optional(),
  skip: z.number().optional(),
});
type Position = z.infer<typeof positionSchema>;

function parsePosition(cursor: string): Position {
  const parsed = positionSchema.safeParse(parseJson(cursor));
  if (!parsed.success) throw new MalformedError("this is no cursor of the staged events");
  return parsed.data;
}

/**
 * With a filter. After each page it asks anew from the last change seen, and follows Campaign's links only while all rows changed at the very same
 * time: links may count rows (facts/campaign.md §5: what `_lineStart` holds is unknown), and then a row that moves away hides another one.
 */
function makeFilteredReader(list: EventList, settings: EventRowSettings): Read {
  return async (from, cursor, size) => {
    const position: Position = cursor === undefined ? { since: list.askable(from) } : parsePosition(cursor);
    const { since, next: link } = position;
    const listed = await (link === undefined ? list.changedSince(since, size) : list.follow(link));
    const changes = changesOf(settings, listed.rows);
    requireSince(list, changes, since);
    requireOrder(list, changes);
    const last = list.askable(changes.at(-1) ?? since);
    const onward = listed.next === undefined ? undefined : last > since ? { since: last } : step(position, listed.next);
    return toPage(settings, listed.rows, onward);
  };
}

function step({ since, next, mark, steps = 0 }: Position, onward: string): Position {
  if (onward === next || onward === mark) {
    throw new MalformedError("the list of staged events goes round in a circle: its next page is one that was shown");
  }
  const isPower = Number.isInteger(Math.log2(steps + 1));
  const held = isPower ? onward : mark;
  return { since, next: onward, steps: steps + 1, ...(held !== undefined && { mark: held }) };
}

/**
 * Without a filter: from the newest change back to the one asked for, keeping the oldest rows on the way, which are then given out in pages. If they
 * were not all, the next page walks again, from where these end: few rows in memory, many calls. A row that moves meanwhile moves to the front,
 * where it is not missed but comes later.
 */
function makeWindowReader(list: EventList, settings: EventRowSettings, windowRows: number): Read {
  let held: { since: string; rows: readonly StagedRow[]; isAll: boolean } | undefined;

  const walk = async (since: string) => {
    const rows: StagedRow[] = [];
    let isAll = true;
    let listed: ListedRows = await list.inOrder("newest first", Math.min(windowRows, 1_000));
    for (let position: Position = { since }; ; ) {
      const changes = changesOf(settings, listed.rows);
      requireOrder(list, [...changes].reverse());
      // Rows without a change time sort last and are nobody's; they are counted as malformed while rows of their page are wanted.
      rows.push(...listed.rows.filter((row) => (changeOf(settings, row) ?? since) >= since));
      if (rows.length > windowRows) {
        isAll = false;
        rows.splice(0, rows.length - windowRows);
      }
      const oldest = changes.at(-1);
      if (listed.next === undefined || (oldest !== undefined && oldest < since)) break;
      position = step(position, listed.next);
      listed = await list.follow(listed.next);
    }
    return { since, rows: rows.reverse(), isAll };
  };

  return async (from, cursor, size) => {
    const { since, skip = 0 } = cursor === undefined ? { since: list.askable(from) } : parsePosition(cursor);
    const again = cursor === undefined || held?.since !== since;
    const window = again || !held ? await walk(since) : held;
    held = window;
    const start = again ? 0 : skip;
    const rows = window.rows.slice(start, start + size);
    if (start + size < window.rows.length) return toPage(settings, rows, { since, skip: start + size });
    const last = changesOf(settings, window.rows).at(-1);
    held = undefined;
    if (window.isAll) return toPage(settings, rows, undefined);
    if (last === undefined || last <= since) {
      throw list.wrong(
        "filter-wrong",
        `more than ${windowRows} rows changed at the same time, too many to read without a filter`,
      );
    }
    return toPage(settings, rows, { since: last });
  };
}

/** Change times, as far as they can be read. */
function changesOf(settings: EventRowSettings, rows: readonly StagedRow[]): string[] {
  return rows.flatMap((row) => changeOf(settings, row) ?? []);
}

/** A filter that filters nothing would have every run read everything; one with another idea of time would hide rows. */
function requireSince(list: EventList, changes: readonly string[], since: string): void {
  if (changes.some((changedAt) => changedAt < since)) {
    throw list.wrong("filter-wrong", "Campaign's filter answers rows that changed before the time asked for");
  }
}

/** In any other order the last row of a page says nothing about what is still to come. */
function requireOrder(list: EventList, changes: readonly string[]): void {
  if (changes.some((changedAt, index) => changedAt < (changes[index - 1] ?? ""))) {
    throw list.wrong("order-wrong", "Campaign does not answer rows in the order of their changes");
  }
}

function toPage(settings: EventRowSettings, rows: readonly StagedRow[], onward: Position | undefined): EventPage {
  const events: EmailEvent[] = [];
  const skipped: Skipped = {};
  for (const row of rows) {
    const read = readEventRow(settings, row);
    if ("event" in read) events.push(read.event);
    else skipped[read.skipped] = (skipped[read.skipped] ?? 0) + 1;
  }
  const upTo = changesOf(settings, rows).at(-1);
  return { events, skipped, ...(onward && { next: JSON.stringify(onward) }), ...(upTo !== undefined && { upTo }) };
}
