// The activity tables that e-mail events become rows of, by type: names of tables and columns, and how much text each holds. The only place that
// knows these names. Ours by default; tables that Adobe's AppSource app installed are named in the settings (facts/campaign.md §12).

import { z } from "zod";
import { type EventType, eventTypes } from "../model/email-event.js";

/** Columns by what they say. `""`: the table has no such column, and nothing is written for it. */
export interface ActivityColumns {
  subject: string;
  campaignName: string;
  deliveryName: string;
  /** When it was sent, opened, clicked, bounced. */
  date: string;
  /** Clicks only. */
  trackingUrl: string;
  mirrorPageUrl: string;
}

/** Columns that hold text; what is longer than they take is cut. */
export type TextColumn = Exclude<keyof ActivityColumns, "date">;

/** One activity table. Its key is `activityid`, as of every activity. */
export interface ActivityTable {
  /** Logical name: `acs_emailsend`. */
  name: string;
  /** Of its rows in URLs: `acs_emailsends`. */
  set: string;
  /** Navigation property to the contact it is about; tables differ in case only. */
  regarding: string;
  columns: Readonly<ActivityColumns>;
  /** Characters each text column takes. */
  longest: Readonly<Record<TextColumn, number>>;
}

/** See above. */
export type ActivityTables = Readonly<Record<EventType, ActivityTable>>;

const logicalName = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, "must be a logical name: lower case letters, digits, underscores");
const columnName = z.union([z.literal(""), logicalName]);
const navigationName = z.string().regex(/^[A-Za-z]\w*$/, "must be the name of a navigation property");
const length = z.int().min(1).max(4_000);
const textColumns = ["subject", "campaignName", "deliveryName", "trackingUrl", "mirrorPageUrl"] as const;

const tableSchema = z.strictObject({
  name: logicalName.optional(),
  set: logicalName.optional(),
  regarding: navigationName.optional(),
  columns: z
    .strictObject({
      subject: logicalName.optional(),
      campaignName: columnName.optional(),
      deliveryName: columnName.optional(),
      date: columnName.optional(),
      trackingUrl: columnName.optional(),
      mirrorPageUrl: columnName.optional(),
    })
    .optional(),
  longest: z.partialRecord(z.enum(textColumns), length).optional(),
});

/** What a setting may say otherwise, as JSON: `{"send": {"name": "…", "columns": {"mirrorPageUrl": ""}}}`. Anything not named stays as it ships. */
export const activityTableChangesSchema = z.partialRecord(z.enum(eventTypes), tableSchema);
/** See `activityTableChangesSchema`. */
export type ActivityTableChanges = z.infer<typeof activityTableChangesSchema>;

const kinds: Readonly<Record<EventType, { table: string; date: string }>> = {
  send: { table: "emailsend", date: "datesent" },
  open: { table: "emailopen", date: "dateopened" },
  click: { table: "emailclick", date: "dateclicked" },
  bounce: { table: "emailbounce", date: "datebounced" },
};

const shippedLengths: Readonly<Record<TextColumn, number>> = {
  subject: 400,
  campaignName: 255,
  deliveryName: 255,
  trackingUrl: 4_000,
  mirrorPageUrl: 4_000,
};

/** The tables with the publisher prefix `prefix`, changed as the settings say. A table of another name has the set and lookup that follow from it. */
export function activityTables(prefix = "acs", changes: ActivityTableChanges = {}): ActivityTables {
  const table = (type: EventType): ActivityTable => {
    const { table, date } = kinds[type];
    const other = changes[type] ?? {};
    const name = other.name ?? `${prefix}_${table}`;
    return {
      name,
      set: other.set ?? `${name}s`,
      regarding: other.regarding ?? `regardingobjectid_contact_${name}`,
      columns: {
        subject: "subject",
        campaignName: `${prefix}_campaignname`,
        deliveryName: `${prefix}_deliveryname`,
        date: `${prefix}_${date}`,
        trackingUrl: type === "click" ? `${prefix}_trackingurl` : "",
        mirrorPageUrl: `${prefix}_mirrorpageurl`,
        ...defined(other.columns),
      },
      longest: { ...shippedLengths, ...defined(other.longest) },
    };
  };
  return { send: table("send"), open: table("open"), click: table("click"), bounce: table("bounce") };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(values: T | undefined): Defined<T> {
  return Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => value !== undefined)) as Defined<T>;
}
