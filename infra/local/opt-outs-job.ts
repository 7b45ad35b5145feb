// The scenario of opt-outs: contacts are loaded, opt-outs are switched on in both directions on the running app, and people opt out and in on either side. Who
// judges: both simulators, attribute by attribute.

import type { LinkedStage } from "./linked-job.js";
import { firstLoad, judge } from "./main-job.js";
import type { Difference } from "./oracle.js";
import { eventually, type Observer } from "./people.js";
import { percentiles, type Report, range } from "./report.js";
import { contactId } from "./scenarios/contacts.js";

/** App settings that have opt-outs pulled as often as a local run wants it. */
export const optOutSettings: Readonly<Record<string, string>> = { OPTOUT_SCHEDULE: "*/1 * * * * *" };

/** Attributes of the scenario, with the column of Dynamics and the field of Campaign. */
export const mapped = {
  email: { column: "donotbulkemail", field: "blackListEmail" },
  phone: { column: "donotphone", field: "blackListPhone" },
  postalMail: { column: "donotpostalmail", field: "blackListPostalMail" },
} as const;

const people = 10;
const longestMs = 60_000;

/** Plays it with `contacts` contacts, at least 40; judges at the end. */
export async function playOptOuts(stage: LinkedStage, contacts: number): Promise<Report> {
  const { observer, editor, operator, say } = stage;
  const started = Date.now();
  await firstLoad(stage, contacts);
  const loadSeconds = (Date.now() - started) / 1000;
  const calls: Report["campaignCalls"] = {};
  calls.load = { changes: contacts, calls: (await observer.takeCalls()).total };

  const { documents } = await operator.settings();
  const { version } = await operator.publish(documents.map(withOptOuts), "opt-outs in both directions");
  await stage.register();
  say(
    `${contacts} contacts are loaded; version ${version} of the settings keeps their opt-outs equal in both directions`,
  );
  await eventually("the replay that the publication ordered", async () => {
    const { phase, mode } = (await stage.state.checkpoints.read("ingress", "contact-load"))?.values ?? {};
    return phase === "done" && mode === "changed" ? true : undefined;
  });
  calls["switching on"] = { changes: 1, calls: (await observer.takeCalls()).total };

  const latencies: number[] = [];
  const play = async (what: string, ids: readonly string[], act: (id: string) => Promise<void>, shows: Look) => {
    say(`${what}:`);
    for (const id of ids) {
      const acted = Date.now();
      await act(id);
      await eventually(`${what}: ${id}`, async () => ((await shows(observer, id)) ? true : undefined), {
        withinMs: longestMs,
      });
      latencies.push(Date.now() - acted);
      say(`  ${id}  after ${Date.now() - acted} ms`);
    }
    calls[what] = { changes: ids.length, calls: (await observer.takeCalls()).total };
  };
  const inCampaign = (values: Record<string, boolean>) => async (id: string) =>
    void (await observer.command("campaign", "edit", { resource: "profile", key: id, values }));
  const inDynamics = (values: Record<string, boolean>) => async (id: string) =>
    void (await editor.send("PATCH", `contacts(${id})`, values));
  const { email, phone } = mapped;
  const first = range(0, people).map(contactId);
  const second = range(people, 2 * people).map(contactId);
  await play(
    "opt-out in Campaign, shown in Dynamics",
    first,
    inCampaign({ [email.field]: true }),
    rowSays(email.column, true),
  );
  await play(
    "opt-out in Dynamics, shown in Campaign",
    second,
    inDynamics({ [phone.column]: true }),
    profileSays(phone.field, true),
  );
  const back = first.slice(0, people / 2);
  await play(
    "opt-in in Campaign, shown in Dynamics",
    back,
    inCampaign({ [email.field]: false }),
    rowSays(email.column, false),
  );
  const refused = second.slice(0, people / 2);
  await play(
    "opt-in in Dynamics, which goes back",
    refused,
    inDynamics({ [phone.column]: false }),
    rowSays(phone.column, true),
  );

  await printDecisions(stage, String(refused[0]));
  const judged = await judge(stage);
  const differences = [...judged.differences, ...(await compareOptOuts(observer))];
  return {
    agree: differences.length === 0,
    records: judged.records,
    differences,
    failures: judged.failures,
    campaignCalls: calls,
    latencyMs: percentiles(latencies),
    loadSeconds,
  };
}

/** Does a side show it by now? */
type Look = (observer: Observer, id: string) => Promise<boolean>;

function rowSays(column: string, value: boolean): Look {
  return async (observer, id) =>
    (await observer.contacts()).some((row) => row.contactid === id && row[column] === value);
}

function profileSays(field: string, value: boolean): Look {
  return async (observer, id) =>
    (await observer.profiles()).some((profile) => profile.externalId === id && profile[field] === value);
}

/** The shipped contact mapping with opt-outs; other documents as they are. */
export function withOptOuts(document: unknown): unknown {
  const mapping = document as { table: { name: string }; columns: Record<string, unknown> };
  if (mapping.table.name !== "contact") return document;
  const columns = Object.values(mapped).map(({ column }) => [column, "boolean"]);
  const attributes = Object.entries(mapped).map(([attribute, { column }]) => [attribute, column]);
  return {
    ...mapping,
    columns: { ...mapping.columns, ...Object.fromEntries(columns) },
    optOuts: { direction: "both", attributes: Object.fromEntries(attributes) },
  };
}

/** Contacts whose opt-outs are not the same on both sides. */
export async function compareOptOuts(observer: Observer): Promise<Difference[]> {
  const profiles = new Map((await observer.profiles()).map((profile) => [String(profile.externalId), profile]));
  return (await observer.contacts()).flatMap((row) => {
    const id = String(row.contactid);
    const profile = profiles.get(id);
    return Object.entries(mapped).flatMap(([attribute, { column, field }]) =>
      profile && (row[column] === true) !== (profile[field] === true)
        ? [{ id, what: `opt-out ${attribute} differs: Dynamics ${row[column]}, Campaign ${profile[field]}` }]
        : [],
    );
  });
}

/** What the auditor reads of one contact. */
async function printDecisions({ operator, say }: LinkedStage, id: string): Promise<void> {
  const { decisions } = (await operator.send("GET", `/opt-outs/decisions?record=${id}`)) as {
    decisions: { at: string; explanation: string }[];
  };
  say(`decisions on contact ${id}, the newest first:`);
  for (const { at, explanation } of decisions) say(`  ${at}  ${explanation}`);
}
