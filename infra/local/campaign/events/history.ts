// Marketing history of one profile and mirror pages (facts/campaign.md §8.2): sends and subscriptions only, one profile at a time.

import type { SimRequest, SimResponse } from "../../sim/types.js";
import { findRecord } from "../engine/find.js";
import type { Instance, Row } from "../instance.js";
import { badValue, EngineError, json, noSuchPlace } from "../wire/errors.js";
import { type Base, present, type WireRecord } from "../wire/present.js";
import { formatInstant } from "../wire/values.js";
import { logTable } from "./staging.js";

const eventKey = "history event";

/** Newest first. */
function sendsOf(instance: Instance, profile: Row): Row[] {
  const table = instance.store.table(logTable);
  const rows = [...table.find(["profileId"], [profile.id])].map((id) => ({ id, values: table.get(id) ?? {} }));
  const sends = rows.filter(({ values }) => values.eventType === "send" || values.eventType === "bounce");
  return sends.sort((a, b) => Number(b.values.eventDate) - Number(a.values.eventDate));
}

function subscriptionCount(instance: Instance, profile: Row): number {
  return [...instance.store.table("subscriptionRcp").find(["subscriber"], [profile.id])].length;
}

function wireEvent(instance: Instance, events: string, { id, values }: Row): WireRecord {
  const PKey = instance.keys.pkey(eventKey, id);
  return {
    PKey,
    category: "email",
    date: formatInstant(Number(values.eventDate)),
    href: `${events}${PKey}`,
    label: "Send via email",
    metadata: "broadLog",
    mirrorPage: { href: `${events}${PKey}/mirrorPage/` },
    type: "outbound",
  };
}

function eventPage(instance: Instance, events: string, sends: Row[], query: URLSearchParams): SimResponse {
  const lineCount = Number(query.get("_lineCount") ?? 25);
  if (!Number.isInteger(lineCount) || lineCount < 1)
    throw badValue("The value of '_lineCount' is not a positive integer.");
  const start = query.get("_lineStart");
  const offset = start === null ? 0 : instance.keys.openCursor(start)?.offset;
  if (offset === undefined) throw badValue(`The value '${start}' of '_lineStart' is not valid.`);
  const rows = sends.slice(offset, offset + lineCount);
  const hasMore = sends.length > offset + lineCount;
  const at = (position: number): string => instance.keys.cursor({ offset: position, id: 0, value: 0 });
  const count = { href: `${events}/_count?_lineCount=${lineCount}&_lineStart=${at(offset)}` };
  return json(200, {
    content: rows.map((row) => wireEvent(instance, events, row)),
    count: start === null && !hasMore ? { ...count, value: rows.length } : count,
    ...(hasMore && { next: { href: `${events}?_lineCount=${lineCount}&_lineStart=${at(offset + lineCount)}` } }),
    serverSidePagination: true,
  });
}

function overview(instance: Instance, base: Base, profile: Row, events: string, sends: Row[]): WireRecord {
  const view = instance.catalog.nested("profileAndServices", instance.catalog.resource("profile"));
  const { postalAddress: _, subscriptions: __, ...record } = present(instance, base, view, profile);
  const oldest = sends.at(-1);
  return {
    ...record,
    countBroadLogEvents: sends.length,
    countSubHistoEvents: subscriptionCount(instance, profile),
    minBroadLogEvents: oldest === undefined ? "" : formatInstant(Number(oldest.values.eventDate)),
    minSubHistoEvents: "",
    kpisAndChart: {},
    countryIsoA2: "",
    events: { href: events },
    href: `${base}/profileAndServices/history/${String(record.PKey)}`,
  };
}

function mirrorPage({ values }: Row): SimResponse {
  const title = String(values.deliveryLabel ?? "").replaceAll(/[<&]/g, " ");
  const body = `<!doctype html><html><head><title>${title}</title></head><body>${title}</body></html>`;
  return { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body };
}

/** Answers `profileAndServices/history/<profile PKey>[/events/[<PKey>[/mirrorPage]]]`; `segments` begin with the key. */
export function answerHistory(instance: Instance, base: Base, request: SimRequest, segments: string[]): SimResponse {
  const [key = "", collection, event, last] = segments;
  const endpoint = `profileAndServices/history/${segments.join("/")}`;
  if (instance.settings.version === "v8" || key === "")
    throw noSuchPlace("There is no marketing history here.", endpoint);
  if (request.method !== "GET") throw new EngineError(405, [`${request.method} is not allowed on history.`]);
  const view = instance.catalog.nested("profileAndServices", instance.catalog.resource("profile"));
  const profile = findRecord(instance, view, key);
  const events = `${base}/profileAndServices/history/${instance.keys.alias("profile", profile.id)}/events/`;
  const sends = sendsOf(instance, profile);
  if (collection === undefined) return json(200, overview(instance, base, profile, events, sends));
  if (collection !== "events") throw noSuchPlace(`'${collection}' is not part of the history.`, endpoint);
  if (event === undefined) return eventPage(instance, events, sends, request.query);
  if (event === "_count") return json(200, { count: sends.length });
  const row = sends.find(({ id }) => id === instance.keys.open(eventKey, event));
  if (row === undefined) throw noSuchPlace(`'${event}' is not in the history.`, endpoint);
  return last === "mirrorPage" ? mirrorPage(row) : json(200, wireEvent(instance, events, row));
}
