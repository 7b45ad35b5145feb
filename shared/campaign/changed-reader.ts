// Reading rows of Campaign page by page in the order of their changes, with a filter or without (facts/campaign.md §5, §8.3). What one call looks like is
// changed-list.ts; what a row means, and what is promised of a reading, is said by those who use this.

import { z } from "zod";
import { MalformedError } from "../errors.js";
import { parseJson } from "../http/json.js";
import type { ChangedList, ListedRow, ListedRows } from "./changed-list.js";

/** One page, oldest change first; without `next` (opaque) it was the last for now. */
export interface ChangedRows {
  rows: readonly ListedRow[];
  next?: string;
}

/** Rows that changed at or after `from` (ISO). */
export type ReadChanged = (from: string, cursor: string | undefined, size: number) => Promise<ChangedRows>;

/** When a row changed (ISO); undefined: it does not say. */
export type ChangeOf = (row: ListedRow) => string | undefined;

/**
 * How far links have been followed. `mark`, `steps`: the link that was followed so many steps ago, so that a circle of links is noticed however long
 * it is (Brent's way: the mark moves on at every power of two).
 */
export const trailSchema = z.object({
  next: z.string().optional(),
  mark: z.string().optional(),
  steps: z.number().optional(),
});
type Trail = z.infer<typeof trailSchema>;

/** The trail with one more link. MalformedError: it goes round in a circle. */
export function followed({ next, mark, steps = 0 }: Trail, onward: string): Trail {
  if (onward === next || onward === mark) {
    throw new MalformedError("Campaign's list goes round in a circle: its next page is one that was shown");
  }
  const isPower = Number.isInteger(Math.log2(steps + 1));
  const held = isPower ? onward : mark;
  return { next: onward, steps: steps + 1, ...(held !== undefined && { mark: held }) };
}

/** Where a reading stands: at `since`, or on the page behind `next`. */
const positionSchema = trailSchema.extend({ since: z.string(), skip: z.number().optional() });
type Position = z.infer<typeof positionSchema>;

function parsePosition(cursor: string): Position {
  const parsed = positionSchema.safeParse(parseJson(cursor));
  if (!parsed.success) throw new MalformedError("this is no cursor of a list of changes");
  return parsed.data;
}

/**
 * With a filter. After each page it asks anew from the last change seen, and follows Campaign's links only while all rows changed at the very same
 * time: links may count rows (facts/campaign.md §5: what `_lineStart` holds is unknown), and then a row that moves away hides another one.
 */
export function makeFilteredReader(list: ChangedList, changeOf: ChangeOf): ReadChanged {
  return async (from, cursor, size) => {
    const position: Position = cursor === undefined ? { since: list.askable(from) } : parsePosition(cursor);
    const { since, next: link } = position;
    const listed = await (link === undefined ? list.changedSince(since, size) : list.follow(link));
    const changes = changesOf(changeOf, listed.rows);
    requireSince(list, changes, since);
    requireOrder(list, changes);
    const last = list.askable(changes.at(-1) ?? since);
    if (listed.next === undefined) return toPage(listed.rows, undefined);
    return toPage(listed.rows, last > since ? { since: last } : { since, ...followed(position, listed.next) });
  };
}

/**
 * Without a filter: from the newest change back to the one asked for, keeping the oldest rows on the way, which are then given out in pages. If they
 * were not all, the next page walks again, from where these end: few rows in memory, many calls. A row that moves meanwhile moves to the front,
 * where it is not missed but comes later.
 */
export function makeWindowReader(list: ChangedList, changeOf: ChangeOf, windowRows: number): ReadChanged {
  let held: { since: string; rows: readonly ListedRow[]; isAll: boolean } | undefined;

  const walk = async (since: string) => {
    const rows: ListedRow[] = [];
    let isAll = true;
    let listed: ListedRows = await list.inOrder("newest first", Math.min(windowRows, 1_000));
    for (let trail: Trail = {}; ; ) {
      const changes = changesOf(changeOf, listed.rows);
      requireOrder(list, [...changes].reverse());
      // Rows without a change time sort last and are nobody's; they are counted as malformed while rows of their page are wanted.
      rows.push(...listed.rows.filter((row) => (changeOf(row) ?? since) >= since));
      if (rows.length > windowRows) {
        isAll = false;
        rows.splice(0, rows.length - windowRows);
      }
      const oldest = changes.at(-1);
      if (listed.next === undefined || (oldest !== undefined && oldest < since)) break;
      trail = followed(trail, listed.next);
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
    if (start + size < window.rows.length) return toPage(rows, { since, skip: start + size });
    const last = changesOf(changeOf, window.rows).at(-1);
    held = undefined;
    if (window.isAll) return toPage(rows, undefined);
    if (last === undefined || last <= since) {
      throw list.wrong(
        "filter-wrong",
        `more than ${windowRows} rows changed at the same time, too many to read without a filter`,
      );
    }
    return toPage(rows, { since: last });
  };
}

/** Change times, as far as they can be read. */
export function changesOf(changeOf: ChangeOf, rows: readonly ListedRow[]): string[] {
  return rows.flatMap((row) => changeOf(row) ?? []);
}

/** A filter that filters nothing would have every run read everything; one with another idea of time would hide rows. */
export function requireSince(list: ChangedList, changes: readonly string[], since: string): void {
  if (changes.some((changedAt) => changedAt < since)) {
    throw list.wrong("filter-wrong", "Campaign's filter answers rows that changed before the time asked for");
  }
}

/** In any other order the last row of a page says nothing about what is still to come. */
function requireOrder(list: ChangedList, changes: readonly string[]): void {
  if (changes.some((changedAt, index) => changedAt < (changes[index - 1] ?? ""))) {
    throw list.wrong("order-wrong", "Campaign does not answer rows in the order of their changes");
  }
}

function toPage(rows: readonly ListedRow[], onward: Position | undefined): ChangedRows {
  return { rows, ...(onward && { next: JSON.stringify(onward) }) };
}
