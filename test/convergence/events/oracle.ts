// What must stand on the timelines of Dynamics after a history, said apart from the product: no mapping, id or table name of the app is used, but for
// the ledger's rows, which are asked about what is not there.

import type { SimCore } from "../../../infra/local/sim/types.js";
import { activityIdOf, type EventType, eventTypes } from "../../../shared/model/email-event.js";
import type { Violation } from "../verdict.js";
import type { Content, Person, Tale, Told, Version } from "./told.js";

type Row = Readonly<Record<string, unknown>>;

/** What was found after a history. */
export interface Evidence {
  timelines: Timelines;
  /** Every version of the pull's checkpoint that was seen, oldest first. */
  checkpoints: readonly { values: Readonly<Record<string, unknown>> }[];
  /** What the ledger says became of events, by the activity's id. */
  noted: ReadonlyMap<string, { outcome: string }>;
  /** Open failures: what they say, by the activity's id. */
  failures: ReadonlyMap<string, string>;
  types: ReadonlySet<EventType>;
  tasks: ReadonlySet<EventType>;
  dynamicsSkewMs: number;
  /** What the app's sums are to be; `unknown`: they count other histories, too. */
  sums: "exact" | "not too much" | "unknown";
}

/** The four timelines and the tasks, by set. */
export type Timelines = Readonly<Record<string, readonly Row[]>>;

/** All rows of a set. */
export function rowsIn({ state }: Pick<SimCore, "state">, set: string): Row[] {
  return [...(state(set, new URLSearchParams()) as Iterable<Row>)];
}

const places: Readonly<Record<EventType, { set: string; date: string; verb: string; task: string }>> = {
  send: { set: "acs_emailsends", date: "acs_datesent", verb: "sent", task: "" },
  open: { set: "acs_emailopens", date: "acs_dateopened", verb: "opened", task: "" },
  click: { set: "acs_emailclicks", date: "acs_dateclicked", verb: "clicked", task: "Follow up on URL click" },
  bounce: { set: "acs_emailbounces", date: "acs_datebounced", verb: "bounced", task: "Fix the e-mail address" },
};

/** Sets of the timelines. */
export const timelineSets: readonly string[] = [...Object.values(places).map(({ set }) => set), "tasks"];

/** Where an event is to stand. `maybe`: the history does not tell whether it does. */
type Wanted =
  | { is: "there" | "maybe"; contents: readonly Content[]; about: readonly string[] }
  | { is: "absent"; why: string };

/** Everything that is wrong. */
export function findDifferences(seen: Evidence, tale: Tale): Violation[] {
  const { timelines } = seen;
  const left = new Set(Object.values(places).flatMap(({ set }) => timelines[set] ?? []));
  const tasks = new Set(timelines.tasks);
  const found: Violation[] = [...momentsOf(seen)];
  const complain = (rule: string, { eventId, versions }: Told, what: string): void => {
    const { mirrorPageUrl = "", key = "" } = versions.at(-1)?.content ?? {};
    found.push({ rule, what: `${eventId} of ${key}: ${what}`, ids: [eventId, mirrorPageUrl] });
  };

  for (const told of tale.events) {
    const content = last(told).content;
    const { set } = places[content.type];
    const here = (timelines[set] ?? []).filter(({ acs_mirrorpageurl }) => acs_mirrorpageurl === content.mirrorPageUrl);
    for (const row of here) left.delete(row);
    const wanted = wantedFor(told, seen, tale);
    if (here.length > 1) complain("no event stands there twice", told, `${here.length} activities`);
    const [row] = here;
    if (wanted.is === "there" && !row) {
      complain("every event stands on its contact's timeline", told, `it is missing${said(seen, told)}`);
    }
    if (wanted.is === "absent" && row) complain("nothing stands there that should not", told, wanted.why);
    if (wanted.is === "absent" || !row) continue;
    for (const what of faultsIn(row, content.type, wanted)) complain("an activity says what happened", told, what);
    const own = [...tasks].filter(({ description }) => String(description).includes(`at ${second(content.at)}`));
    for (const task of own) tasks.delete(task);
    for (const what of faultsInTasks(own, row, content, wanted, seen))
      complain("tasks are as they should be", told, what);
  }
  for (const row of left) {
    found.push({ rule: "nothing stands there that should not", what: JSON.stringify(row), ids: [] });
  }
  return [...found, ...accountsOf(seen, tale), ...sumsOf(seen, tale)];
}

/** A type counts from when it was switched on, and that moment stays. */
function momentsOf({ checkpoints }: Evidence): Violation[] {
  return eventTypes.flatMap((type) => {
    const moments = checkpoints.map(({ values }) => values[`on_${type}`]);
    return moments.flatMap((moment, index) => {
      const before = moments[index - 1];
      if (before === undefined || moment === undefined || moment === before) return [];
      const what = `${type}: ${String(before)} became ${String(moment)}`;
      return [{ rule: "the moment at which a type was switched on stays", what, ids: [] }];
    });
  });
}

function wantedFor(told: Told, { checkpoints, types }: Evidence, { people, deleted }: Tale): Wanted {
  const { type, mirrorPageUrl } = last(told).content;
  const qualified = told.versions.filter(({ content }) => isEvent(content));
  if (qualified.length === 0) return { is: "absent", why: "it is no event for us" };

  const on = String(checkpoints.at(-1)?.values[`on_${type}`] ?? "");
  const counted = qualified.filter(({ changedAt }) => on !== "" && types.has(type) && changedAt >= on);
  const ever = checkpoints.map(({ values }) => String(values[`on_${type}`] ?? "")).filter((moment) => moment !== "");
  if (counted.length === 0) {
    // An earlier version, or an earlier time at which the type was on.
    const once = told.versions.some(({ changedAt }) => ever.some((moment) => changedAt >= moment));
    if (!once) return { is: "absent", why: "its type was off" };
  }
  const first = counted[0] ?? qualified[0];
  if (!first) throw new Error("unreachable");
  // A row is copied when it is due, with what it says then.
  const contents = qualified.map(({ content }) => content);
  const wanted = aboutWhom(first, told, people);
  if (wanted.is === "absent") return wanted;
  const gone = deleted.get(mirrorPageUrl);
  if (gone?.sure) return { is: "absent", why: "a user deleted it" };
  const is = wanted.is === "there" && !gone && counted.length > 0 && !hasMoved(told) ? "there" : "maybe";
  return { is, contents, about: wanted.about };
}

/** Its key changed from one contact to another: which one it is placed for depends on when. */
function hasMoved({ versions }: Told): boolean {
  return new Set(versions.map(({ content }) => content.key).filter((key) => key !== "")).size > 1;
}

function isEvent({ type, key, isHard }: Content): boolean {
  return key !== "" && (type !== "bounce" || isHard);
}

/** Whom it is to be about, from the moment on at which it can first be read. */
function aboutWhom(
  { seenAt, content }: Version,
  { versions }: Told,
  people: Tale["people"],
): { is: "there" | "maybe"; about: readonly string[] } | { is: "absent"; why: string } {
  const person = people.get(content.key.toLowerCase());
  if (!person) return { is: "absent", why: "there never was such a contact" };
  const from = Math.min(seenAt, ...versions.map((version) => version.seenAt));
  const isGone = ({ diedAt = Number.POSITIVE_INFINITY }: Person): boolean => diedAt <= from;
  if (isGone(person)) return { is: "absent", why: "its contact was gone" };
  const line = lineOf(person, people);
  // Whoever was merged into somebody else by then is not meant any more, as long as that one is there.
  let start = 0;
  for (const [index, one] of line.entries()) {
    if (index < line.length - 1 && one.merged && one.merged.at <= from && index === start) {
      const next = line[index + 1];
      if (next && !isGone(next)) start = index + 1;
    }
  }
  const meant = line.slice(start);
  const isSure = person.bornAt <= from && meant.every(({ diedAt }) => diedAt === undefined || diedAt <= from);
  const settled = isSure && line.every(({ diedAt }) => diedAt === undefined);
  return { is: settled ? "there" : "maybe", about: (settled ? meant : line).map(({ id }) => id) };
}

/** A contact, its master, its master's master. */
function lineOf(person: Person, people: Tale["people"]): Person[] {
  const line = [person];
  for (let next = person; next.merged; ) {
    const master = people.get(next.merged.into);
    if (!master || line.includes(master)) break;
    line.push(master);
    next = master;
  }
  return line;
}

function faultsIn(row: Row, type: EventType, { contents, about }: Extract<Wanted, { about: unknown }>): string[] {
  const expected = contents.map((content) => expectedOf(content));
  const differences = expected.map((columns) =>
    Object.entries(columns).filter(([name, value]) => (row[name] ?? null) !== value),
  );
  const least = differences.sort((a, b) => a.length - b.length)[0] ?? [];
  const regarding = String(row._regardingobjectid_value ?? row.regardingobjectid ?? "");
  return [
    ...least.map(([name, value]) => `${type}: ${name} is ${JSON.stringify(row[name])}, not ${JSON.stringify(value)}`),
    ...(about.some((id) => regarding.includes(id)) ? [] : [`it is about ${regarding}, not ${about.join(" or ")}`]),
  ];
}

function expectedOf({ type, at, campaignName, deliveryName, url, mirrorPageUrl }: Content): Row {
  return {
    subject: `Campaign Name: ${campaignName}; Delivery Name: ${deliveryName}`,
    acs_campaignname: campaignName === "" ? null : campaignName,
    acs_deliveryname: deliveryName,
    acs_mirrorpageurl: mirrorPageUrl,
    ...(type === "click" && { acs_trackingurl: url }),
    [places[type].date]: second(at),
    actualend: second(at),
    statecode: 1,
    statuscode: 2,
  };
}

const hourMs = 60 * 60_000;

function faultsInTasks(
  tasks: readonly Row[],
  row: Row,
  { type, at }: Content,
  { about }: Extract<Wanted, { about: unknown }>,
  seen: Evidence,
): string[] {
  const createdAt = Date.parse(String(row.createdon)) - seen.dynamicsSkewMs;
  const age = createdAt - Date.parse(at);
  const isWanted = seen.tasks.has(type);
  const some = tasks.length;
  if (some > 1) return [`there are ${some} tasks`];
  if (some === 1 && (!isWanted || age > 25 * hourMs)) return ["there is a task"];
  if (some === 0 && isWanted && age < 23 * hourMs) return ["there is no task"];
  return tasks.flatMap((task) => {
    const regarding = String(task._regardingobjectid_value ?? task.regardingobjectid ?? "");
    const due = Date.parse(String(task.scheduledend));
    return [
      ...(about.some((id) => regarding.includes(id)) ? [] : [`its task is about ${regarding}`]),
      ...(task.subject === places[type].task ? [] : [`its task is called ${String(task.subject)}`]),
      ...(second(at).slice(0, 10) === new Date(due).toISOString().slice(0, 10) && due > Date.parse(at) - 60_000
        ? []
        : [`its task is due ${String(task.scheduledend)}`]),
    ];
  });
}

/** Whatever is not there is accounted for: by a note in the ledger, and where Dynamics refused it by a failure with a reason. */
function accountsOf(seen: Evidence, tale: Tale): Violation[] {
  const rule = "every event that is not there is accounted for";
  return tale.events.flatMap((told) => {
    const { type } = last(told).content;
    const wanted = wantedFor(told, seen, tale);
    const id = activityIdOf({ id: told.eventId, type });
    const outcome = seen.noted.get(id)?.outcome;
    const ids = [told.eventId];
    if (outcome === "refused" && !seen.failures.get(id)) {
      return [{ rule, what: `${told.eventId} was refused, and no failure says why`, ids }];
    }
    if (wanted.is !== "absent" || !/gone|never was/.test(wanted.why)) return [];
    const counts = (on: unknown) => on !== undefined && last(told).changedAt >= String(on) && seen.types.has(type);
    if (!counts(seen.checkpoints.at(-1)?.values[`on_${type}`]) || outcome === "no-contact") return [];
    return [{ rule, what: `${told.eventId}: ${wanted.why}, and the ledger says ${outcome ?? "nothing"}`, ids }];
  });
}

/** The sums that the app keeps count no row twice, however often it was read and whoever died over it, and miss none while nobody does. */
function sumsOf({ checkpoints, noted, sums }: Evidence, { events }: Tale): Violation[] {
  if (sums === "unknown") return [];
  const isExact = sums === "exact";
  const rule = "every row is counted once";
  const values = checkpoints.at(-1)?.values ?? {};
  const sum = (...names: string[]): number => names.reduce((all, name) => all + Number(values[`n_${name}`] ?? 0), 0);
  const found: string[] = [];
  const placed = sum("written", "existed", "noContact", "refused");
  if (placed > noted.size || (isExact && placed < noted.size)) {
    found.push(`${placed} events counted, ${noted.size} in the ledger`);
  }
  const noContact = [...noted.values()].filter(({ outcome }) => outcome === "no-contact").length;
  if (isExact && sum("noContact") !== noContact) {
    found.push(`${sum("noContact")} without contact counted, ${noContact} noted`);
  }
  // While no type is on nothing is read, and so nothing is counted.
  const isAlwaysOn = checkpoints.every(({ values: then }) => Object.keys(then).some((name) => name.startsWith("on_")));
  const from = String(checkpoints[0]?.values.since ?? "");
  for (const [name, fits] of [
    ["no_key", ({ key }: Content) => key === ""],
    ["soft_bounce", ({ type, isHard }: Content) => type === "bounce" && !isHard],
  ] as const) {
    const least = events.filter(({ versions }) => versions.every((one) => fits(one.content) && one.changedAt >= from));
    const most = events.filter(({ versions }) => versions.some((one) => fits(one.content)));
    const counted = sum(name);
    if ((isExact && isAlwaysOn && counted < least.length) || counted > most.length) {
      found.push(`${name}: ${counted} counted, ${least.length} to ${most.length} happened`);
    }
  }
  return found.map((what) => ({ rule, what, ids: [] }));
}

function said({ noted: ledger, failures }: Evidence, told: Told): string {
  const id = activityIdOf({ id: told.eventId, type: last(told).content.type });
  const noted = ledger.get(id)?.outcome;
  return `; ledger: ${noted ?? "nothing"}; failure: ${failures.get(id) ?? "none"}`;
}

function last({ versions }: Told): Version {
  const version = versions.at(-1);
  if (!version) throw new Error("an event has no version");
  return version;
}

function second(at: string): string {
  return `${at.slice(0, 19)}Z`;
}
