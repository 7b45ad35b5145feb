// The read-only part of the ATOM administration API: what ServiceBusAdministrationClient asks for queues and their counts
// (facts/azure-local.md §1, "ServiceBusAdministrationClient"). Creating and changing queues is refused: queues are a file.

import type { SimRequest } from "../../sim/types.js";
import type { Queue } from "../core/queue.js";

/** An answer to an SDK. */
export interface AtomAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const contentType = "application/atom+xml;type=entry;charset=utf-8";
const atom = "http://www.w3.org/2005/Atom";
const serviceBus = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";
const counts = "http://schemas.microsoft.com/netservices/2011/06/servicebus";
/** How the real service writes "for ever". */
const forEver = "P10675199DT2H48M5.4775807S";

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (character) => escapes[character] ?? character);

const duration = (ms: number | undefined): string => (ms === undefined ? forEver : `PT${ms / 1000}S`);

const description = ({ options, main, dead }: Queue): string => {
  const { active, scheduled } = main.counts;
  const started = "2026-01-01T00:00:00Z";
  return [
    `<QueueDescription xmlns="${serviceBus}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">`,
    `<LockDuration>${duration(options.lockDurationMs)}</LockDuration>`,
    "<MaxSizeInMegabytes>1024</MaxSizeInMegabytes>",
    `<RequiresDuplicateDetection>${options.duplicateDetectionWindowMs !== undefined}</RequiresDuplicateDetection>`,
    `<RequiresSession>${options.requiresSession}</RequiresSession>`,
    `<DefaultMessageTimeToLive>${duration(options.defaultTtlMs)}</DefaultMessageTimeToLive>`,
    `<DeadLetteringOnMessageExpiration>${options.deadLetteringOnMessageExpiration}</DeadLetteringOnMessageExpiration>`,
    `<DuplicateDetectionHistoryTimeWindow>${duration(options.duplicateDetectionWindowMs ?? 600_000)}</DuplicateDetectionHistoryTimeWindow>`,
    `<MaxDeliveryCount>${options.maxDeliveryCount}</MaxDeliveryCount>`,
    "<EnableBatchedOperations>true</EnableBatchedOperations>",
    `<SizeInBytes>${main.sizeBytes + dead.sizeBytes}</SizeInBytes>`,
    `<MessageCount>${main.size + dead.size}</MessageCount>`,
    "<IsAnonymousAccessible>false</IsAnonymousAccessible><Status>Active</Status>",
    `<CreatedAt>${started}</CreatedAt><UpdatedAt>${started}</UpdatedAt><AccessedAt>${started}</AccessedAt>`,
    `<CountDetails xmlns:d="${counts}">`,
    // Deferred messages count as active, as in the real service.
    `<d:ActiveMessageCount>${active + main.counts.deferred}</d:ActiveMessageCount>`,
    `<d:DeadLetterMessageCount>${dead.size}</d:DeadLetterMessageCount>`,
    `<d:ScheduledMessageCount>${scheduled}</d:ScheduledMessageCount>`,
    "<d:TransferMessageCount>0</d:TransferMessageCount>",
    "<d:TransferDeadLetterMessageCount>0</d:TransferDeadLetterMessageCount>",
    "</CountDetails>",
    `<AutoDeleteOnIdle>${forEver}</AutoDeleteOnIdle>`,
    "<EnablePartitioning>false</EnablePartitioning><EntityAvailabilityStatus>Available</EntityAvailabilityStatus>",
    "<EnableExpress>false</EnableExpress>",
    `<MaxMessageSizeInKilobytes>${Math.floor(options.maxMessageBytes / 1024)}</MaxMessageSizeInKilobytes>`,
    "</QueueDescription>",
  ].join("");
};

const entry = (queue: Queue, origin: string): string =>
  [
    `<entry xmlns="${atom}"><id>${escapeXml(`${origin}/${queue.options.name}?api-version=2021-05`)}</id>`,
    `<title type="text">${escapeXml(queue.options.name)}</title>`,
    `<content type="application/xml">${description(queue)}</content></entry>`,
  ].join("");

const feed = (queues: readonly Queue[], origin: string): string =>
  `<feed xmlns="${atom}"><title type="text">Queues</title><id>${origin}/$Resources/queues</id>${queues
    .map((queue) => entry(queue, origin))
    .join("")}</feed>`;

const failure = (status: number, detail: string): AtomAnswer => ({
  status,
  contentType: "application/xml; charset=utf-8",
  body: `<Error><Code>${status}</Code><Detail>${escapeXml(detail)}</Detail></Error>`,
});

const decode = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
};

/** Answers an ATOM request: one queue, or the list of queues with $skip and $top. */
export function atomAnswer(queues: readonly Queue[], { method, path: rawPath, query, origin }: SimRequest): AtomAnswer {
  if (method !== "GET")
    return failure(501, `The local broker does not imitate ${method}: queues are described in a file.`);
  const path = decode(rawPath).replace(/^\/+|\/+$/g, "");
  if (path.toLowerCase() === "$resources/queues") {
    const skip = Number(query.get("$skip") ?? 0);
    const top = Number(query.get("$top") ?? 100);
    return { status: 200, contentType, body: feed(queues.slice(skip, skip + top), origin) };
  }
  const queue = queues.find(({ options }) => options.name.toLowerCase() === path.toLowerCase());
  if (queue !== undefined) return { status: 200, contentType, body: entry(queue, origin) };
  // The real service answers an empty feed for a queue that does not exist; the SDK makes "not found" of it.
  if (!path.startsWith("$"))
    return {
      status: 200,
      contentType,
      body: `<feed xmlns="${atom}"><title type="text">Publicly Listed Services</title></feed>`,
    };
  return failure(501, `The local broker does not imitate ${path}.`);
}
