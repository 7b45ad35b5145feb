// The scenario of e-mail events: contacts are loaded, two deliveries go out, some people open, click or bounce, and all of it comes to the timelines in
// Dynamics. Who judges: both simulators, event by event, apart from the app's own code but for the id of an activity.

import { activityTables } from "../../shared/dataverse/activity-tables.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { activityIdOf, type EventType, eventTypes } from "../../shared/model/email-event.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";
import { planActivities } from "../dataverse/activities.js";
import { applyRegistration } from "../dataverse/provision.js";
import { firstLoad, judge, type Stage } from "./main-job.js";
import type { Difference, Held } from "./oracle.js";
import { eventually, type Observer } from "./people.js";
import { percentiles, type Report } from "./report.js";

/** App settings that switch events on. */
export const eventSettings: Readonly<Record<string, string>> = {
  EGRESS_TYPES: "send,open,click,bounce",
  EGRESS_TASKS: "click,bounce",
  EGRESS_SCHEDULE: "*/1 * * * * *",
};

/** Makes the four activity tables, as `npm run dataverse:apply -- --activities` does. */
export async function makeActivityTables(
  settings: Readonly<Record<string, string>>,
  onDone: (what: string) => void = () => {},
): Promise<void> {
  const http = makeHttpClient({ clock: systemClock, random: Math.random });
  const client = makeDynamicsClient(loadSettings(settings), http, systemClock);
  const options = { client, clock: systemClock, prefix: "acs", solution: "acs_campaign" };
  await applyRegistration(await planActivities(options), onDone);
}

/** Plays it with `contacts` contacts; judges at the end. */
export async function playEvents(stage: Stage, contacts: number): Promise<Report> {
  const { observer, state, say } = stage;
  const started = Date.now();
  await firstLoad(stage, contacts);
  const loadSeconds = (Date.now() - started) / 1000;
  await eventually("the first pull of events", () => state.checkpoints.read("egress", "events").catch(() => undefined));
  const calls: Report["campaignCalls"] = {};
  calls.load = { changes: contacts, calls: (await observer.takeCalls()).total };

  for (const delivery of ["DM1", "DM2"]) {
    const shares = { opened: 0.5, clicked: 0.2, hardBounced: 0.05, softBounced: 0.05 };
    await observer.command("campaign", "deliver", { delivery, ...shares });
    say(`delivery ${delivery} has gone out`);
  }
  const sent = Date.now();
  const logged = await wantedEvents(observer);
  const differences = await eventually(
    `${logged.length} events on the timelines`,
    async () => {
      const found = await compareTimelines(observer, logged);
      stage.progress(`  ${logged.length - found.length} of ${logged.length} events are on the timelines`);
      return found.length === 0 || Date.now() - sent > longestMs ? found : undefined;
    },
    { withinMs: 2 * longestMs, everyMs: 200 },
  );
  const ms = Date.now() - sent;
  say(`${logged.length} events on the timelines ${ms} ms after the last delivery`);
  await printTimeline(stage, logged);
  calls.events = { changes: logged.length, calls: (await observer.takeCalls()).total };
  const contactsJudged = await judge(stage);
  const all = [...contactsJudged.differences, ...differences];
  return {
    agree: all.length === 0,
    records: contactsJudged.records + logged.length,
    differences: all,
    failures: contactsJudged.failures,
    campaignCalls: calls,
    latencyMs: percentiles([ms]),
    loadSeconds,
  };
}

const longestMs = 60_000;
const tables = activityTables("acs");

/** What Campaign logged and Dynamics is to show: hard bounces only, and only of people who are contacts. */
export async function wantedEvents(observer: Observer): Promise<Held[]> {
  const logged = (await observer.records("cusEmailEvent")).map(({ record }) => record);
  return logged.filter(
    ({ eventType, failureType, externalId }) => externalId !== "" && (eventType !== "bounce" || failureType === "hard"),
  );
}

/** What is missing on the timelines, too much, not completed, or not about the person it was sent to. */
export async function compareTimelines(observer: Observer, logged: readonly Held[]): Promise<Difference[]> {
  const rows = await Promise.all(eventTypes.map((type) => observer.rows(tables[type].set)));
  const left = new Map(rows.flat().map((row) => [String(row.activityid), row]));
  const differences = logged.flatMap((event) => {
    const id = activityIdOf({ id: String(event.eventId), type: event.eventType as EventType });
    const row = left.get(id);
    left.delete(id);
    if (!row) return [{ id, what: `the ${event.eventType} is missing` }];
    const about = String(row._regardingobjectid_value ?? row.regardingobjectid ?? "");
    return [
      ...(row.statecode === 1 ? [] : [{ id, what: "the activity is not completed" }]),
      ...(about.includes(String(event.externalId)) ? [] : [{ id, what: "the activity is about somebody else" }]),
      ...(String(row.subject).includes(String(event.deliveryName)) ? [] : [{ id, what: "the subject is wrong" }]),
    ];
  });
  return [...differences, ...[...left.keys()].map((id) => ({ id, what: "there is an activity too many" }))];
}

/** The timeline of whoever has most on it, as Dynamics lists it. */
async function printTimeline({ editor, say }: Stage, logged: readonly Held[]): Promise<void> {
  const counts = new Map<string, number>();
  for (const { externalId } of logged) counts.set(String(externalId), (counts.get(String(externalId)) ?? 0) + 1);
  const [busiest] = [...counts].sort((a, b) => b[1] - a[1]);
  if (!busiest) return;
  const [contact] = busiest;
  const query = `activitypointers?$filter=_regardingobjectid_value eq ${contact}&$select=subject,activitytypecode,actualend,statecode&$orderby=createdon desc`;
  const { value } = (await editor.send("GET", query.replaceAll(" ", "%20"))) as { value: Held[] };
  say(`timeline of contact ${contact}:`);
  for (const { activitytypecode, subject, actualend } of value)
    say(`  ${actualend ?? "open"}  ${activitytypecode}  ${subject}`);
}
