// One call each to the resource that holds the staged e-mail events: addresses, instants as filter parameters, the envelope, and what is wrong
// when Campaign refuses (facts/campaign.md §5, §8.3). In which order pages are read is event-source.ts.

import { z } from "zod";
import { MalformedError, MissingError, RefusedError, type SyncError, TableError } from "../errors.js";
import { parseJson } from "../http/json.js";
import { parseSameOriginLink } from "../http/link.js";
import type { Clock } from "../model/clock.js";
import type { CampaignClient } from "./client.js";
import type { StagedRow } from "./event-row.js";

/** How an instant is spelled as a filter's parameter: `2026-01-31 00:00:00.000Z`, `2026-01-31T00:00:00Z`, `#2026-01-31 00:00:00Z#`. */
export const sinceFormats = ["space", "iso", "literal"] as const;
/** See `sinceFormats`; which one Campaign takes is (unconfirmed). */
export type SinceFormat = (typeof sinceFormats)[number];

/** Where the staged events are. `order` is the column of a row's last change; `filter` finds what changed since. */
export interface EventResource {
  api: "profileAndServicesExt" | "customResources";
  name: string;
  order: string;
  filter: { name: string; parameter: string; format: SinceFormat } | undefined;
}

/** What calls are made with; `callMs` bounds each with all its attempts. */
export interface EventListOptions {
  client: CampaignClient;
  clock: Clock;
  callMs: number;
  resource: EventResource;
}

/** One page as Campaign shows it; `next` is a link of Campaign's own, for every page there is. */
export interface ListedRows {
  rows: readonly StagedRow[];
  next: string | undefined;
}

/** Calls to the resource. TableError says what is missing there and where the guide describes it; else what the client throws. */
export interface EventList {
  /** Rows changed at or after `since` (ISO), oldest change first, from the beginning. Only where there is a filter. */
  changedSince(since: string, size: number): Promise<ListedRows>;
  /** All rows by their change. */
  inOrder(direction: "oldest first" | "newest first", size: number): Promise<ListedRows>;
  /** The page behind a link that another one named; MalformedError when it leads to another host. */
  follow(link: string): Promise<ListedRows>;
  /** The latest moment at or before `instant` (ISO) that the filter's parameter can spell. */
  askable(instant: string): string;
  /** The error for rows that are not what was asked for. */
  wrong(code: "filter-wrong" | "order-wrong", problem: string): TableError;
}

/** The operation's name, in errors and in the count of calls. */
export const listEvents = "list events";

/** Above a threshold Campaign names no next page unless every call asks for it (facts/campaign.md §5). */
const everyPage = "_forcePagination=true";

const listSchema = z.object({
  content: z.array(z.record(z.string(), z.unknown())),
  next: z.object({ href: z.string() }).optional(),
  serverSidePagination: z.boolean().optional(),
});

/** Makes the calls. */
export function makeEventList({ client, clock, callMs, resource }: EventListOptions): EventList {
  const { order, filter } = resource;
  const collection = `${resource.api}/${resource.name}`;
  const called = filter && `by${filter.name}`;

  const get = async (path: string | URL): Promise<ListedRows> => {
    const response = await client.call({ operation: listEvents, method: "GET", path, deadline: clock.now() + callMs });
    const parsed = listSchema.safeParse(parseJson(response.text));
    if (!parsed.success) {
      const member = parsed.error.issues[0]?.path.join(".") || "body";
      throw new MalformedError(`Campaign's answer to ${listEvents} is not what it should be: ${member} is wrong`);
    }
    const { content, next, serverSidePagination } = parsed.data;
    if (!next && serverSidePagination === false) {
      throw new MalformedError(`Campaign withheld the rest of ${resource.name}: the list is not complete`);
    }
    return { rows: content, next: next && forced(next.href) };
  };
  const table = (code: string, problem: string, step: string, cause?: SyncError): TableError =>
    new TableError(`${problem}: ${step} (docs/campaign-setup.md)`, code, {
      system: "campaign",
      operation: listEvents,
      ...(cause && { status: cause.context.status, vendorCode: cause.context.vendorCode }),
    });

  const resourceMissing = (cause: SyncError): TableError =>
    table(
      "resource-missing",
      `Campaign shows no resource ${resource.name} under ${resource.api}`,
      "egress, steps 1 and 2; EVENTS_API and EVENTS_RESOURCE say where it is",
      cause,
    );
  /** An address that is not there is either the resource's or the filter's: whether the resource answers alone tells. */
  const missing = async (cause: SyncError): Promise<TableError> => {
    try {
      await get(`${collection}?_lineCount=1&${everyPage}`);
    } catch (error) {
      if (isUnknownAddress(error)) return resourceMissing(error);
      throw error;
    }
    const problem = `Campaign has no filter ${called} on ${resource.name}`;
    return table("filter-missing", problem, "egress, step 3; or EVENTS_FILTER=none", cause);
  };
  const explained = async (asked: Promise<ListedRows>, isFiltered: boolean): Promise<ListedRows> => {
    try {
      return await asked;
    } catch (error) {
      if (isUnknownAddress(error)) throw isFiltered ? await missing(error) : resourceMissing(error);
      if (error instanceof RefusedError && error.code === "unknown-field") {
        throw table(
          "order-wrong",
          `Campaign cannot sort ${resource.name} by ${order}`,
          "egress, step 1; EVENTS_ORDER",
          error,
        );
      }
      if (error instanceof RefusedError && error.code === "bad-expression" && isFiltered) {
        const problem = `Campaign does not understand what ${called} was asked for`;
        throw table("filter-wrong", problem, "egress, step 3; EVENTS_SINCE_FORMAT", error);
      }
      throw error;
    }
  };

  return {
    async changedSince(since, size) {
      if (!filter) throw new Error("there is no filter to ask with");
      const parameter = encodeURIComponent(`${filter.parameter}_parameter`);
      const asked = `${parameter}=${encodeURIComponent(toParameter(since, filter.format))}`;
      const address = `${collection}/${encodeURIComponent(String(called))}`;
      const path = `${address}?${asked}&_order=${encodeURIComponent(order)}&_lineCount=${size}&${everyPage}`;
      return explained(get(path), true);
    },
    async inOrder(direction, size) {
      const by = encodeURIComponent(direction === "oldest first" ? order : `${order} desc`);
      return explained(get(`${collection}?_order=${by}&_lineCount=${size}&${everyPage}`), false);
    },
    askable: (instant) => askable(instant, filter?.format ?? "space"),
    // Addresses are those of the first page: nothing is missing that was there a moment ago.
    follow: async (link) => get(parseSameOriginLink(link, client.root)),
    wrong: (code, problem) =>
      code === "filter-wrong"
        ? table(code, problem, "egress, step 3; EVENTS_FILTER, EVENTS_SINCE_PARAMETER and EVENTS_SINCE_FORMAT")
        : table(code, problem, "egress, step 1; EVENTS_ORDER"),
  };
}

/** An address that Campaign does not know; a filter that is missing may be taken for the key of a record. */
function isUnknownAddress(error: unknown): error is SyncError {
  return error instanceof TableError || error instanceof MissingError;
}

/** Only one spelling has parts of a second. */
function askable(instant: string, format: SinceFormat): string {
  const exact = new Date(instant).toISOString();
  return format === "space" ? exact : `${exact.slice(0, 19)}.000Z`;
}

function toParameter(since: string, format: SinceFormat): string {
  const moment = askable(since, format);
  const seconds = `${moment.slice(0, 19)}Z`;
  if (format === "space") return moment.replace("T", " ");
  return format === "iso" ? seconds : `#${seconds.replace("T", " ")}#`;
}

/** The link to the next page, asking for all pages like the first one. Nothing else of it is touched: `_lineStart` is Campaign's secret. */
function forced(href: string): string {
  if (href.includes(everyPage)) return href;
  return `${href}${href.includes("?") ? "&" : "?"}${everyPage}`;
}
