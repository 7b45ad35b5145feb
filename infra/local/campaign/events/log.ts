// What happens to e-mails inside Campaign: deliveries, opens, clicks, bounces, as rows of the delivery and tracking logs, which no
// API shows (facts/campaign.md §8). How they become visible is in staging.ts and history.ts.

import { z } from "zod";
import type { Instance, Row } from "../instance.js";
import type { Value, Values } from "../store/table.js";
import { toStored } from "../wire/values.js";
import { logTable, scheduleStaging, stagedResource } from "./staging.js";

const eventSchema = z.strictObject({
  type: z.enum(["send", "open", "click", "bounce", "change"]),
  /** Whom it happened to: the profile's externalId, or its e-mail address where it has none. */
  externalId: z.string().optional(),
  email: z.string().optional(),
  /** When it happened; now where not given. */
  at: z.iso.datetime({ offset: true }).optional(),
  campaign: z.string().default("2026SpringCamp"),
  delivery: z.string().default("DM1"),
  deliveryLabel: z.string().default("Spring delivery"),
  url: z.string().default("https://www.example.com/offer"),
  mirrorPageUrl: z.string().default(""),
  /** Of a bounce: hard, or soft. */
  failure: z.enum(["hard", "soft"]).default("hard"),
  reason: z.string().default("userUnknown"),
  /** Of a bounce that comes after its send, or of a change: the eventId of the earlier row. */
  of: z.string().optional(),
  /** The row reaches the log tables so much later. */
  lateMs: z.number().nonnegative().default(0),
  /** Of a change: columns of the staged row. */
  values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
});
type Event = z.infer<typeof eventSchema>;

/** What became of one event: the id of its staged row and when that row can first be read. */
export interface RecordedEvent {
  eventId: string;
  stagedAt: string;
}

function profileOf(instance: Instance, event: Event): Row | undefined {
  const table = instance.store.table("profile");
  const [path, value] = event.externalId === undefined ? ["email", event.email] : ["externalId", event.externalId];
  if (value === undefined || value === "") return undefined;
  for (const id of table.find([path], [value])) {
    const values = table.get(id);
    if (values !== undefined) return { id, values };
  }
  return undefined;
}

function findLog(instance: Instance, eventId: string): Row {
  for (const id of instance.store.table(logTable).find(["eventId"], [eventId])) {
    const values = instance.store.table(logTable).get(id);
    if (values !== undefined) return { id, values };
  }
  throw new Error(`there is no event ${eventId}`);
}

function withoutEmpty(values: Record<string, Value>): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}

function rowOf(instance: Instance, event: Event, at: number): Values {
  if (event.externalId === undefined && event.email === undefined)
    throw new Error("an event needs externalId or email");
  const profile = profileOf(instance, event);
  return withoutEmpty({
    eventType: event.type,
    eventDate: at,
    externalId: event.externalId ?? String(profile?.values.externalId ?? ""),
    email: event.email ?? String(profile?.values.email ?? ""),
    campaignName: event.campaign,
    deliveryName: event.delivery,
    deliveryLabel: event.deliveryLabel,
    mirrorPageUrl: event.mirrorPageUrl,
    ...(event.type === "click" && { url: event.url }),
    ...(event.type === "bounce" && { failureType: event.failure, failureReason: event.reason }),
    profileId: profile?.id ?? 0,
  });
}

/** Letter of an eventId: delivery log sent, delivery log failed, tracking log (§8.3). */
const letters = { send: "S", bounce: "B", open: "T", click: "T" } as const;

function changedColumns(instance: Instance, event: Event): Values {
  const resource = instance.catalog.resource(stagedResource);
  const columns = Object.entries(event.values).map(([name, value]) => {
    const field = resource.field(name);
    if (field === undefined) throw new Error(`${stagedResource} has no field ${name}`);
    return [name, toStored(field, name, value, instance.settings)];
  });
  return Object.fromEntries(columns) as Values;
}

function recordOne(instance: Instance, event: Event): RecordedEvent {
  const now = instance.world.now();
  const at = event.at === undefined ? now : Date.parse(event.at);
  const earlier = event.of === undefined ? undefined : findLog(instance, event.of);
  let values: Values;
  let id: number | undefined;
  if (event.type === "change") {
    if (earlier === undefined) throw new Error("a change needs `of`");
    values = { ...earlier.values, ...changedColumns(instance, event) };
    id = earlier.id;
  } else {
    // A bounce after its send is the same row of the delivery log, so it has the same number.
    const number = String(earlier?.values.eventId ?? "").slice(2) || instance.store.table(logTable).lastId + 1;
    const who = earlier === undefined ? {} : { externalId: earlier.values.externalId, email: earlier.values.email };
    const known = Object.fromEntries(Object.entries(who).filter(([, value]) => value !== undefined));
    values = { ...rowOf(instance, { ...known, ...event }, at), eventId: `${letters[event.type]}-${number}` };
  }
  const logged = now + event.lateMs;
  id = instance.store.put(logTable, { ...values, logLastModified: logged }, id);
  const due = scheduleStaging(instance, id, logged);
  return { eventId: String(values.eventId), stagedAt: new Date(due).toISOString() };
}

/** Records what happened: one event or several, in this order. Throws, recording nothing of that one, when it cannot have. */
export function recordEvents(instance: Instance, body: unknown): { events: RecordedEvent[] } {
  const events = z.array(eventSchema).parse(Array.isArray(body) ? body : [body]);
  return { events: events.map((event) => recordOne(instance, event)) };
}

const rate = z.number().min(0).max(1);
const deliverySchema = z.strictObject({
  campaign: z.string().default("2026SpringCamp"),
  delivery: z.string().default("DM1"),
  deliveryLabel: z.string().default("Spring delivery"),
  opened: rate.default(0.3),
  clicked: rate.default(0.1),
  hardBounced: rate.default(0.02),
  softBounced: rate.default(0.03),
});

/**
 * Sends one delivery to every profile that has an e-mail address and did not opt out; shares of them bounce, open, click (by the
 * world's random numbers). Answers how many of each.
 */
export function deliver(instance: Instance, body: unknown): Record<string, number> {
  const { opened, clicked, hardBounced, softBounced, ...names } = deliverySchema.parse(body);
  const optOut = instance.settings.optOutNames;
  const counts = { send: 0, bounce: 0, open: 0, click: 0, excluded: 0 };
  const table = instance.store.table("profile");
  for (const id of [...table.ids()]) {
    const { email, externalId, ...values } = table.get(id) ?? {};
    if (email === undefined || values[optOut] === true || values[`${optOut}Email`] === true) {
      counts.excluded += 1;
      continue;
    }
    const happen = (type: "send" | "open" | "click" | "bounce", more: Record<string, unknown> = {}): void => {
      recordEvents(instance, { type, email, externalId, ...names, ...more });
      counts[type] += 1;
    };
    const luck = instance.world.random();
    if (luck < hardBounced + softBounced) {
      happen("bounce", luck < hardBounced ? {} : { failure: "soft", reason: "mailboxFull" });
      continue;
    }
    happen("send");
    if (instance.world.random() < opened) happen("open");
    if (instance.world.random() < clicked) happen("click");
  }
  return counts;
}
