// An e-mail event as rows of Dynamics: the activity as it is made, what completes it, and its follow-up task (facts/dataverse.md §10,
// facts/campaign.md §12). Pure; sending them is activities.ts.

import type { NewActivity } from "../flows/egress-ports.js";
import type { EmailEvent, EventType } from "../model/email-event.js";
import type { ActivityTable, TextColumn } from "./activity-tables.js";

type Row = Record<string, string | number>;

/** The activity, open; rows are made open and completed by `completion`. */
export function activityRow({ id, event, contact }: NewActivity, table: ActivityTable): Row {
  const { columns } = table;
  const at = wholeSecond(event.at);
  const subject = `Campaign Name: ${event.campaignName}; Delivery Name: ${event.deliveryName}`;
  const row: Row = { activityid: id };
  const put = (column: TextColumn, text: string): void => {
    if (columns[column] !== "" && text !== "") row[columns[column]] = cut(text, table.longest[column]);
  };
  put("subject", subject);
  put("campaignName", event.campaignName);
  put("deliveryName", event.deliveryName);
  put("trackingUrl", event.url);
  put("mirrorPageUrl", event.mirrorPageUrl);
  if (columns.date !== "") row[columns.date] = at;
  // Timelines go by it: history is to stand where it happened, not where it was written.
  row.sortdate = at;
  row.actualstart = at;
  row[`${table.regarding}@odata.bind`] = `/contacts(${contact})`;
  return row;
}

/** What completes an activity; from then on it is read-only. */
export function completion({ at }: EmailEvent): Row {
  return { statecode: 1, statuscode: 2, actualend: wholeSecond(at) };
}

const taskSubjects: Readonly<Record<EventType, string>> = {
  send: "Follow up on e-mail",
  open: "Follow up on opened e-mail",
  click: "Follow up on URL click",
  bounce: "Fix the e-mail address",
};

const happened: Readonly<Record<EventType, string>> = {
  send: "sent",
  open: "opened",
  click: "clicked",
  bounce: "bounced",
};

/** The follow-up task `id`, due the day the event happened in `zone` (IANA). */
export function taskRow({ event, contact }: NewActivity, id: string, zone: string): Row {
  const at = wholeSecond(event.at);
  return {
    activityid: id,
    subject: taskSubjects[event.type],
    description: `Adobe Campaign email ${happened[event.type]} at ${at}`,
    scheduledend: dueAt(at, zone),
    "regardingobjectid_contact_task@odata.bind": `/contacts(${contact})`,
  };
}

/** Five o'clock of the same day in `zone`, or the end of that day for what happened later: a task is not late when it is made. */
export function dueAt(at: string, zone: string): string {
  const instant = Date.parse(at);
  const day = Math.floor((instant + offsetMs(instant, zone)) / dayMs) * dayMs;
  const five = toInstant(day + 17 * hourMs, zone);
  return wholeSecond(new Date(five > instant ? five : toInstant(day + dayMs - 60_000, zone)).toISOString());
}

const hourMs = 60 * 60_000;
const dayMs = 24 * hourMs;

/** The instant of a local time (ms as if it were UTC). Asked twice, as the offset may change between. */
function toInstant(local: number, zone: string): number {
  return local - offsetMs(local - offsetMs(local, zone), zone);
}

function offsetMs(instant: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(instant);
  const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.find((one) => one.type === type)?.value);
  const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return local - Math.floor(instant / 1_000) * 1_000;
}

/** Dataverse keeps whole seconds (facts/dataverse.md §3). */
function wholeSecond(at: string): string {
  return new Date(Date.parse(at)).toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** Text as a column takes it: no control characters or halves of characters, and what is too long ends in an ellipsis. */
function cut(text: string, longest: number): string {
  const clean = text.replace(/[\p{Cc}\p{Cs}]+/gu, " ");
  if (clean.length <= longest) return clean;
  return `${clean.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
