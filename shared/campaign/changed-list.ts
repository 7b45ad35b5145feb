// One call each to a resource whose rows are read by their changes: addresses, instants as filter parameters, the envelope, and what is wrong when
// Campaign refuses (facts/campaign.md §5, §8.3, §9). In which order pages are read is changed-reader.ts and opt-out-source.ts.

import { z } from "zod";
import { MalformedError, MissingError, RefusedError, type SyncError, TableError } from "../errors.js";
import { parseSameOriginLink } from "../http/link.js";
import type { Clock } from "../model/clock.js";
import type { CampaignClient } from "./client.js";
import { getJson, listSchema } from "./find-record.js";

/** How an instant is spelled as a filter's parameter: `2026-01-31 00:00:00.000Z`, `2026-01-31T00:00:00Z`, `#2026-01-31 00:00:00Z#`. */
export const sinceFormats = ["space", "iso", "literal"] as const;
/** See `sinceFormats`; which one Campaign takes is (unconfirmed). */
export type SinceFormat = (typeof sinceFormats)[number];

/**
 * Where the rows are. `order` is the column they are sorted by; `filter` finds what changed since. Where each rule of the filter has a parameter of
 * its own, all of them get the same instant.
 */
export interface ChangedResource {
  api: string;
  name: string;
  order: string;
  filter: { name: string; parameter: string | readonly string[]; format: SinceFormat } | undefined;
}

/** What is said of a list: `operation` in errors and in the count of calls; the others: where the guide and which settings say how it must be. */
export interface ListGuide {
  operation: string;
  resource: string;
  filter: string;
  rule: string;
  spelling: string;
  order: string;
}

/** What calls are made with; `callMs` bounds each with all its attempts. */
export interface ChangedListOptions {
  client: CampaignClient;
  clock: Clock;
  callMs: number;
  resource: ChangedResource;
}

/** A row as Campaign shows it. */
export type ListedRow = Readonly<Record<string, unknown>>;

/** One page as Campaign shows it; `next` is a link of Campaign's own, for every page there is. */
export interface ListedRows {
  rows: readonly ListedRow[];
  next: string | undefined;
}

/** Calls to the resource. TableError says what is missing there and where the guide describes it; else what the client throws. */
export interface ChangedList {
  /** Rows changed at or after `since` (ISO), in order, from the beginning. Only where there is a filter. */
  changedSince(since: string, size: number): Promise<ListedRows>;
  /** All rows, in order. */
  inOrder(direction: "oldest first" | "newest first", size: number): Promise<ListedRows>;
  /** The page behind a link that another one named; MalformedError when it leads to another host. */
  follow(link: string): Promise<ListedRows>;
  /** How many rows there are, or changed at or after `since` (ISO), asked in a call or two; undefined: Campaign does not say. */
  count(since?: string): Promise<number | undefined>;
  /** The latest moment at or before `instant` (ISO) that the filter's parameter can spell. */
  askable(instant: string): string;
  /** The error for rows that are not what was asked for. */
  wrong(code: "filter-wrong" | "order-wrong", problem: string): TableError;
}

/** Above a threshold Campaign names no next page unless every call asks for it (facts/campaign.md §5). */
const everyPage = "_forcePagination=true";

const countedListSchema = listSchema.extend({
  count: z.object({ value: z.number().optional(), href: z.string().optional() }).optional(),
});
const countSchema = z.object({ count: z.number() });

/** Makes the calls. */
export function makeChangedList(
  { client, clock, callMs, resource }: ChangedListOptions,
  guide: ListGuide,
): ChangedList {
  const { order, filter } = resource;
  const { operation } = guide;
  const collection = `${resource.api}/${resource.name}`;
  const called = filter && `by${filter.name}`;
  const ask = <T>(schema: z.ZodType<T>, path: string | URL): Promise<T> =>
    getJson(client, schema, { operation, path, deadline: clock.now() + callMs });

  const get = async (path: string | URL): Promise<ListedRows> => {
    const { content, next, serverSidePagination } = await ask(listSchema, path);
    if (!next && serverSidePagination === false) {
      throw new MalformedError(`Campaign withheld the rest of ${resource.name}: the list is not complete`);
    }
    return { rows: content, next: next && forced(next.href) };
  };
  const table = (code: string, problem: string, step: string, cause?: SyncError): TableError =>
    new TableError(`${problem}: ${step} (docs/campaign-setup.md)`, code, {
      system: "campaign",
      operation,
      ...(cause && { status: cause.context.status, vendorCode: cause.context.vendorCode }),
    });

  const resourceMissing = (cause: SyncError): TableError =>
    table(
      "resource-missing",
      `Campaign shows no resource ${resource.name} under ${resource.api}`,
      guide.resource,
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
    return table("filter-missing", `Campaign has no filter ${called} on ${resource.name}`, guide.filter, cause);
  };
  const explained = async <T>(asked: Promise<T>, isFiltered: boolean): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      if (isUnknownAddress(error)) throw isFiltered ? await missing(error) : resourceMissing(error);
      if (error instanceof RefusedError && error.code === "unknown-field") {
        throw table("order-wrong", `Campaign cannot sort ${resource.name} by ${order}`, guide.order, error);
      }
      if (error instanceof RefusedError && error.code === "bad-expression" && isFiltered) {
        const problem = `Campaign does not understand what ${called} was asked for`;
        throw table("filter-wrong", problem, guide.spelling, error);
      }
      throw error;
    }
  };

  const changedPath = (since: string, size: number): string => {
    if (!filter) throw new Error("there is no filter to ask with");
    const instant = encodeURIComponent(toParameter(since, filter.format));
    const asked = [filter.parameter].flat().map((name) => `${encodeURIComponent(`${name}_parameter`)}=${instant}`);
    const address = `${collection}/${encodeURIComponent(String(called))}`;
    return `${address}?${asked.join("&")}&_order=${encodeURIComponent(order)}&_lineCount=${size}&${everyPage}`;
  };

  return {
    changedSince: async (since, size) => explained(get(changedPath(since, size)), true),
    async inOrder(direction, size) {
      const by = encodeURIComponent(direction === "oldest first" ? order : `${order} desc`);
      return explained(get(`${collection}?_order=${by}&_lineCount=${size}&${everyPage}`), false);
    },
    async count(since) {
      const path = since === undefined ? `${collection}?_lineCount=1&${everyPage}` : changedPath(since, 1);
      const { count } = await explained(ask(countedListSchema, path), since !== undefined);
      if (count?.value !== undefined || count?.href === undefined) return count?.value;
      return (await ask(countSchema, parseSameOriginLink(count.href, client.root))).count;
    },
    askable: (instant) => askable(instant, filter?.format ?? "space"),
    // Addresses are those of the first page: nothing is missing that was there a moment ago.
    follow: async (link) => get(parseSameOriginLink(link, client.root)),
    wrong: (code, problem) => table(code, problem, code === "filter-wrong" ? guide.rule : guide.order),
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
