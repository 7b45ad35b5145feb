// Reading the staged e-mail events over REST, oldest change first (facts/campaign.md §8.3). Implements the port EventSource. What one call looks
// like is changed-list.ts, how pages follow each other changed-reader.ts, what a row means event-row.ts.
//
// What is promised: every row that stood in the resource when a reading began, and that stays as it is until the reading is over, comes at least once.
// A row that moves meanwhile (Campaign gives it a new change time) comes again, or only once it has moved; later readings find it by its new time.
// Left to the flow, which must read again what changed a while ago: rows whose transaction ended after rows with later change times were read, and,
// should Campaign's links count rows, the neighbour of a row that moved out of a crowd of one change time which fills a page.

import { type ErrorKind, SyncError } from "../errors.js";
import type { EventPage, HistorySource, SkippedRow } from "../flows/egress-ports.js";
import type { EmailEvent } from "../model/email-event.js";
import {
  type ChangedList,
  type ChangedListOptions,
  type ChangedResource,
  type ListGuide,
  makeChangedList,
} from "./changed-list.js";
import {
  type ChangedRows,
  type ChangeOf,
  changesOf,
  makeFilteredReader,
  makeWindowReader,
  requireSince,
} from "./changed-reader.js";
import { changeOf, type EventRowSettings, readEventRow } from "./event-row.js";

/** How the staged events are read: `resource.order` is the column of a row's last change. `windowRows`: most rows held in memory where there is no filter. */
export interface EventSourceOptions extends ChangedListOptions {
  resource: ChangedResource;
  row: Omit<EventRowSettings, "changed" | "zoneless">;
  windowRows?: number;
}

const eventGuide: ListGuide = {
  operation: "list events",
  resource: "egress, steps 1 and 2; EVENTS_API and EVENTS_RESOURCE say where it is",
  filter: "egress, step 3; or EVENTS_FILTER=none",
  rule: "egress, step 3; EVENTS_FILTER, EVENTS_SINCE_PARAMETER and EVENTS_SINCE_FORMAT",
  spelling: "egress, step 3; EVENTS_SINCE_FORMAT",
  order: "egress, step 1; EVENTS_ORDER",
};

/** Campaign has no such address, or does not answer a number there. */
const noCount: ReadonlySet<ErrorKind> = new Set<ErrorKind>(["refused", "missing", "table", "malformed"]);

/** The port, and what the checks of the events' way ask (event-checks.ts). */
export interface RestEventSource extends HistorySource {
  /** When the row that changed last did (ISO); undefined: there is none. */
  newestChange(): Promise<string | undefined>;
  /** Finds the newest row again through the filter. TableError: it does not, or something is missing. */
  probe(): Promise<void>;
}

/** Reads from one instance; `oldestChange` and each page are one call, without a filter as many as there are pages since then. */
export function makeEventSource(options: EventSourceOptions): RestEventSource {
  const list = makeChangedList(options, eventGuide);
  const rowSettings: EventRowSettings = { ...options.row, changed: options.resource.order, zoneless: false };
  const changedAt: ChangeOf = (row) => changeOf(rowSettings, row);
  const read = options.resource.filter
    ? makeFilteredReader(list, changedAt)
    : makeWindowReader(list, changedAt, options.windowRows ?? 5_000);
  const firstChange = async (direction: Parameters<ChangedList["inOrder"]>[0]): Promise<string | undefined> => {
    // More than one: a row without a change time sorts first.
    const { rows } = await list.inOrder(direction, 25);
    for (const row of rows) {
      const change = changedAt(row);
      if (change !== undefined) return change;
    }
    return undefined;
  };

  return {
    readEvents: async (since, cursor, size) => toPage(rowSettings, await read(since, cursor, size)),
    oldestChange: () => firstChange("oldest first"),
    newestChange: () => firstChange("newest first"),
    async countSince(since) {
      if (!options.resource.filter) return undefined;
      try {
        return await list.count(list.askable(since));
      } catch (error) {
        // What is wrong with more than the count is said by whoever reads the rows instead.
        if (error instanceof SyncError && noCount.has(error.kind)) return undefined;
        throw error;
      }
    },
    async probe() {
      const newest = await firstChange("newest first");
      if (newest === undefined || !options.resource.filter) return;
      const { rows } = await list.changedSince(newest, 25);
      const changes = changesOf(changedAt, rows);
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

function toPage(settings: EventRowSettings, { rows, next }: ChangedRows): EventPage {
  const events: EmailEvent[] = [];
  const skipped: SkippedRow[] = [];
  for (const row of rows) {
    const read = readEventRow(settings, row);
    if ("event" in read) events.push(read.event);
    else skipped.push(read.skipped);
  }
  const upTo = changesOf((row) => changeOf(settings, row), rows).at(-1);
  return { events, skipped, ...(next !== undefined && { next }), ...(upTo !== undefined && { upTo }) };
}
