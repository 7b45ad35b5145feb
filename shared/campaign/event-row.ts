// One row of Campaign's staged e-mail events to an event, or the reason why it is none (facts/campaign.md §8.1, §8.3). Pure; the rows come from
// event-source.ts and, as lines of a file, from event-files.ts.

import type { SkippedRow, SkipReason } from "../flows/egress-ports.js";
import { instantOf } from "../mapping/dates.js";
import { type EmailEvent, type EventType, eventTypes } from "../model/email-event.js";

/** Names of the columns that hold an event; dotted inside an item, e.g. `profile.externalId`. */
export interface EventFields {
  id: string;
  type: string;
  at: string;
  contactKey: string;
  campaignName: string;
  deliveryName: string;
  url: string;
  mirrorPageUrl: string;
  /** Nature of a bounce. Empty: there is no such column, since only hard bounces are staged. */
  failureType: string;
}

/** The columns of docs/campaign-setup.md. */
export const defaultEventFields: EventFields = {
  id: "eventId",
  type: "eventType",
  at: "eventDate",
  contactKey: "externalId",
  campaignName: "campaignName",
  deliveryName: "deliveryName",
  url: "url",
  mirrorPageUrl: "mirrorPageUrl",
  failureType: "failureType",
};

/** How rows are read. `changed` names the column of the row's last change; `zoneless`: a time without zone is one in UTC. */
export interface EventRowSettings {
  fields: EventFields;
  changed: string;
  zoneless: boolean;
}

/** A row as the source shows it. */
export type StagedRow = Readonly<Record<string, unknown>>;

/** What a row is. */
export type ReadRow = { event: EmailEvent } | { skipped: SkippedRow };

/** Reads one row; never throws, whatever stands in it. Instants come out in one spelling, so that as texts they sort as times. */
export function readEventRow({ fields, changed, zoneless }: EventRowSettings, row: StagedRow): ReadRow {
  const text = (column: string): string => textAt(row, column);
  const changedAt = toInstant(text(changed), zoneless);
  const skipped = (reason: SkipReason): ReadRow => ({
    skipped: { reason, key: skippedKey(row, text(fields.id)), ...(changedAt !== undefined && { changedAt }) },
  });
  const [id, at] = [text(fields.id), toInstant(text(fields.at), zoneless)];
  const type = text(fields.type).toLowerCase();

  if (id === "" || type === "" || changedAt === undefined) return skipped("malformed");
  if (!isEventType(type)) return skipped("other-type");
  if (type === "bounce" && fields.failureType !== "" && !isHard(text(fields.failureType))) {
    return skipped("soft-bounce");
  }
  if (at === undefined) return skipped("malformed");
  const contactKey = text(fields.contactKey);
  if (contactKey === "") return skipped("no-key");
  return {
    event: {
      id,
      type,
      at,
      contactKey,
      campaignName: text(fields.campaignName),
      deliveryName: text(fields.deliveryName),
      url: type === "click" ? text(fields.url) : "",
      mirrorPageUrl: text(fields.mirrorPageUrl),
      changedAt,
    },
  };
}

/**
 * An instant in any of Campaign's spellings (facts/campaign.md §3.4): with a space or a T, with seconds or parts of them, `Z` or an offset; as
 * `Date.toISOString` spells it. Undefined: it is none.
 */
export function toInstant(text: string, zoneless: boolean): string | undefined {
  if (text.length <= 10) return undefined;
  const spelled = instantOf(text.replace(/^(\S{10}) +/, "$1T"), zoneless);
  if (spelled === undefined) return undefined;
  const ms = Date.parse(spelled.replace(" ", "T"));
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

/** When the row last changed (ISO); undefined: it does not say. */
export function changeOf({ changed, zoneless }: EventRowSettings, row: StagedRow): string | undefined {
  return toInstant(textAt(row, changed), zoneless);
}

/** The row's key in the source; else its event's id; else all that it holds. */
function skippedKey(row: StagedRow, id: string): string {
  return textAt(row, "PKey") || id || JSON.stringify(row);
}

function isEventType(type: string): type is EventType {
  return (eventTypes as readonly string[]).includes(type);
}

/** By name, by label or by number (facts/campaign.md §8.1: 2). */
function isHard(failureType: string): boolean {
  return /^(hard|2)$/i.test(failureType);
}

/** The text in a column, without blanks around it; empty where there is none. Campaign shows numbers for numeric columns. */
function textAt(row: StagedRow, column: string): string {
  const value = valueAt(row, column);
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? value.trim() : "";
}

/** A file's header may have a dot in a name; otherwise a dot leads into an item. */
function valueAt(row: StagedRow, column: string): unknown {
  if (Object.hasOwn(row, column)) return row[column];
  let value: unknown = row;
  for (const name of column.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as StagedRow)[name];
  }
  return value;
}
