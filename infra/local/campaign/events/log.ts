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

/** Whom it happened to and by which delivery, from the event or from the earlier row it refers to. */
function occasion(instance: Instance, event: Event, earlier: Row | undefined): Values {
  if (earlier !== undefined) {
    const names = ["externalId", "email", "campaignName", "deliveryName", "deliveryLabel", "profileId"];
    return Object.fromEntries(Object.entries(earlier.values).filter(([name]) => names.includes(name)));
  }
  if (event.externalId === undefined && event.email === undefined) {
    throw new Error("an event needs externalId or email");
  }
  const profile = profileOf(instance, event);
  return {
    externalId: event.externalId ?? String(profile?.values.externalId ?? ""),
    email: event.email ?? String(profile?.values.email ?? ""),
    campaignName: event.campaign,
    deliveryName: event.delivery,
    deliveryLabel: event.deliveryLabel,
    profileId: profile?.id ?? 0,
  };
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

function newRow(instance: Instance, event: Event & { type: keyof typeof letters }, earlier: Row | undefined): Values {
  // A bounce after its send is the same row of the delivery log, so it has the same number.
  const isSameRow = event.type === "bounce" && earlier !== undefined;
  const number = isSameRow ? String(earlier.values.eventId).slice(2) : instance.store.table(logTable).lastId + 1;
  return withoutEmpty({
    ...occasion(instance, event, earlier),
    eventId: `${letters[event.type]}-${number}`,
    eventType: event.type,
    eventDate: event.at === undefined ? instance.world.now() : Date.parse(event.at),
    mirrorPageUrl: event.mirrorPageUrl,
    ...(event.type === "click" && { url: event.url }),
    ...(event.type === "bounce" && { failureType: event.failure, failureReason: event.reason }),
  });
}

function recordOne(instance: Instance, event: Event): RecordedEvent {
  const earlier = event.of === undefined ? undefined : findLog(instance, event.of);
  const { type } = event;
  if (type === "change" && earlier === undefined) throw new Error("a change needs `of`");
  const values =
    type === "change"
      ? { ...earlier?.values, ...changedColumns(instance, event) }
      : newRow(instance, { ...event, type }, earlier);
  const logged = instance.world.now() + event.lateMs;
  const isSame = type === "change" ? earlier?.id : undefined;
  const id = instance.store.put(logTable, { ...values, logLastModified: logged }, isSame);
  const due = scheduleStaging(instance, id, logged);
  return { eventId: String(values.eventId), stagedAt: new Date(due).toISOString() };
}

/** Records what happened: one event or several, in this order. Throws, recording nothing of that one, when it cannot have. */
export function recordEvents(instance: Instance, body: unknown): { events: RecordedEvent[] } {
  const events = z.array(eventSchema).parse(Array.isArray(body) ? body : [body]);
  return { events: events.map((event) => recordOne(instance, event)) };
}
