// What people do with e-mails, contacts and activities, and what Campaign's rows do, one act at a time; over both simulators' own doors, in one process or
// over sockets. Everything is noted for the oracle (told.ts). Which acts come when is history.ts and test/support/real-event-history.ts.

import { type EventType, eventTypes } from "../../../shared/model/email-event.js";
import type { Chance } from "../chance.js";
import { type Edit, mergeContacts } from "../editor.js";
import type { Content, Person, Tale, Told } from "./told.js";

/** Where it happens. */
export interface EventStage {
  chance: Chance;
  /** Names of this history's own: contacts and mirror pages begin with it. Eight digits. */
  prefix: string;
  now(): number;
  /** By how much Campaign's clock is ahead. */
  campaignSkewMs: number;
  say(what: string, id?: string): void;
  /** A command of Campaign's simulator; carried out before this returns where it can be. */
  campaign(name: string, body: unknown): Promise<unknown>;
  edit: Edit;
  rows(set: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Since when the app has known that this activity is dealt with (epoch ms); undefined: it does not. */
  notedAt(activityId: string): Promise<number | undefined>;
  /** What the app noted so long ago it has in hand no more, however slow. */
  longAgoMs: number;
}

/** What may happen. */
export interface EventActs {
  readonly tale: Tale;
  /** A new contact. */
  bear(): Promise<void>;
  /** One e-mail to several. */
  deliver(): Promise<void>;
  /** Somebody opens or clicks. */
  react(): Promise<void>;
  bounce(): Promise<void>;
  /** Something happens to somebody who is no contact. */
  strange(): Promise<void>;
  /** A row that comes later, by up to so much. */
  later(mostMs: number): Promise<void>;
  /** A row changes, in what we read or not. */
  revise(): Promise<void>;
  merge(): Promise<void>;
  /** A contact is deleted. */
  bury(): Promise<void>;
  /** A contact is deactivated. */
  retire(): Promise<void>;
  /** A user deletes an activity. */
  tidyUp(): Promise<void>;
}

const dayMs = 24 * 60 * 60_000;
const sets = ["acs_emailsends", "acs_emailopens", "acs_emailclicks", "acs_emailbounces"] as const;

/** How an event is to be: `of`: it belongs to the row of an earlier send. */
interface Wish extends Partial<Omit<Content, "mirrorPageUrl">> {
  type: EventType;
  of?: Told;
  lateMs?: number;
}

/** Makes the acts of a history. */
export function makeEventActs(stage: EventStage): EventActs {
  const { chance, prefix, edit, say } = stage;
  /** A contact that never was. */
  const stranger = `${prefix}-0000-4000-8000-00000000f001`;
  const tale: Tale = { events: [], people: new Map(), deleted: new Map() };
  const seconds = new Set<number>();
  let serial = 0;

  const campaignNow = (): number => stage.now() + stage.campaignSkewMs;
  const living = (): Person[] => [...tale.people.values()].filter(({ diedAt }) => diedAt === undefined);
  const someone = (): Person | undefined => (living().length === 0 ? undefined : chance.pick(living()));
  const someKey = (): string => {
    const id = someone()?.id ?? stranger;
    return chance.happens(0.05) ? id.toUpperCase() : id;
  };
  /** A second of its own, mostly now. */
  const ownSecond = (): string => {
    const ago = chance.happens(0.1) ? chance.between(1, 40) * dayMs : chance.between(0, 60_000);
    let second = Math.floor((campaignNow() - ago) / 1_000);
    while (seconds.has(second)) second -= 1;
    seconds.add(second);
    return new Date(second * 1_000).toISOString();
  };
  const contentOf = ({ type, of, lateMs: _late, ...given }: Wish): Content => {
    serial += 1;
    const before = of?.versions.at(-1)?.content;
    return {
      type,
      key: before?.key ?? someKey(),
      at: ownSecond(),
      campaignName: before?.campaignName ?? chance.pick(["CP1", "Ünïcode & <Camp>", ""]),
      deliveryName: before?.deliveryName ?? `DM${chance.between(1, 3)}`,
      url: type === "click" ? `https://shop.example.com/?a=${serial}&b='x'` : "",
      mirrorPageUrl: `https://mirror.example.com/${prefix}/${serial}`,
      isHard: true,
      ...given,
    };
  };
  const note = (eventId: string, content: Content, stagedAt: string): void => {
    const at = Date.parse(stagedAt);
    const version = { content, changedAt: stagedAt, seenAt: Math.max(stage.now(), at - stage.campaignSkewMs) };
    const known = tale.events.find((told) => told.eventId === eventId);
    if (known) known.versions.push(version);
    else tale.events.push({ eventId, versions: [version] });
    const { type, key, mirrorPageUrl } = content;
    say(`${type} ${eventId} of ${key}, changed ${stagedAt}, ${mirrorPageUrl}`, `${eventId} ${mirrorPageUrl}`);
  };
  /** They happen in one transaction, so that their rows change at the same time. */
  const happen = async (wishes: readonly Wish[]): Promise<void> => {
    const contents = wishes.map(contentOf);
    const rows = contents.map(({ type, key, at, campaignName, deliveryName, url, mirrorPageUrl, isHard }, index) => {
      const { of, lateMs } = wishes[index] ?? {};
      return {
        type,
        ...(of ? { of: of.eventId } : { externalId: key, ...(key === "" && { email: "nobody@example.com" }) }),
        at,
        campaign: campaignName,
        delivery: deliveryName,
        ...(url !== "" && { url }),
        mirrorPageUrl,
        failure: isHard ? "hard" : "soft",
        ...(lateMs !== undefined && { lateMs }),
      };
    });
    const { events } = (await stage.campaign("events", rows)) as { events: { eventId: string; stagedAt: string }[] };
    for (const [index, { eventId, stagedAt }] of events.entries()) {
      const content = contents[index];
      if (content) note(eventId, content, stagedAt);
    }
  };
  const change = async (told: Told, values: Record<string, string>, becomes: Partial<Content>): Promise<void> => {
    const { events } = (await stage.campaign("events", { type: "change", of: told.eventId, values })) as {
      events: { eventId: string; stagedAt: string }[];
    };
    const before = told.versions.at(-1)?.content;
    if (before && events[0]) note(told.eventId, { ...before, ...becomes }, events[0].stagedAt);
  };
  const some = (fits: (content: Content) => boolean): Told | undefined => {
    const found = tale.events.filter(({ versions }) => versions.at(-1) && fits(versions.at(-1)?.content as Content));
    return found.length === 0 ? undefined : chance.pick(found);
  };
  /** Sends whose later bounce has no row yet: the row of a bounce is the send's, by its number. */
  const someSend = (): Told | undefined => {
    const bounced = new Set(tale.events.map(({ eventId }) => eventId).filter((id) => id.startsWith("B-")));
    const free = tale.events.filter(({ eventId }) => eventId.startsWith("S-") && !bounced.has(`B-${eventId.slice(2)}`));
    return free.length === 0 ? undefined : chance.pick(free);
  };

  const bear = async (): Promise<void> => {
    const id = `${prefix}-0000-4000-8000-${String(tale.people.size + 1).padStart(12, "0")}`;
    say("creates contact", id);
    await edit("POST", "contacts", { contactid: id, lastname: `Contact ${tale.people.size + 1}` });
    tale.people.set(id, { id, bornAt: stage.now() });
  };
  const react = async (): Promise<void> => {
    const send = chance.happens(0.8) ? some(({ type }) => type === "send") : undefined;
    const key = send?.versions.at(-1)?.content.key;
    await happen([{ type: chance.pick(["open", "click", "click"]), ...(key !== undefined && { key }) }]);
  };
  const bounce = async (): Promise<void> => {
    const of = chance.happens(0.5) ? someSend() : undefined;
    await happen([{ type: "bounce", isHard: chance.happens(0.7), ...(of && { of }) }]);
  };
  const revise = async (): Promise<void> => {
    const keyless = some(({ key }) => key === "");
    const soft = some(({ type, isHard }) => type === "bounce" && !isHard);
    const any = some(() => true);
    const what = chance.pick(["touch", "touch", "rename", "key", "harden"] as const);
    if (what === "key" && keyless) {
      const key = someKey();
      await change(keyless, { externalId: key }, { key });
    } else if (what === "harden" && soft) await change(soft, { failureType: "hard" }, { isHard: true });
    else if (what === "rename" && any)
      await change(any, { deliveryName: `DR${serial}` }, { deliveryName: `DR${serial}` });
    else if (any) await change(any, { deliveryLabel: `label ${stage.now()}` }, {});
  };
  const merge = async (): Promise<void> => {
    const free = living().filter(({ merged }) => merged === undefined);
    if (free.length < 2) return;
    const [winner, loser] = [chance.pick(free), chance.pick(free)];
    if (winner === loser) return;
    say(`merges contact ${loser.id} into ${winner.id}`, `${winner.id} ${loser.id}`);
    await mergeContacts(edit, winner.id, loser.id);
    loser.merged = { at: stage.now(), into: winner.id };
  };
  const bury = async (): Promise<void> => {
    const person = someone();
    if (!person) return;
    say("deletes contact", person.id);
    await edit("DELETE", `contacts(${person.id})`);
    person.diedAt = stage.now();
  };
  const retire = async (): Promise<void> => {
    const person = living().find(({ merged }) => merged === undefined);
    if (!person) return;
    say("deactivates contact", person.id);
    await edit("PATCH", `contacts(${person.id})`, { statecode: 1, statuscode: 2 });
  };
  const tidyUp = async (): Promise<void> => {
    const set = chance.pick(sets);
    const rows = (await stage.rows(set)).filter(({ acs_mirrorpageurl }) =>
      String(acs_mirrorpageurl).includes(`/${prefix}/`),
    );
    if (rows.length === 0) return;
    const { activityid, acs_mirrorpageurl } = chance.pick(rows);
    const mirrorPageUrl = String(acs_mirrorpageurl);
    const since = (await stage.notedAt(String(activityid))) ?? Number.POSITIVE_INFINITY;
    const sure = since < stage.now() - stage.longAgoMs;
    say(`deletes an activity${sure ? "" : " that has only just come"}, ${mirrorPageUrl}`, mirrorPageUrl);
    await edit("DELETE", `${set}(${activityid})`);
    tale.deleted.set(mirrorPageUrl, { sure });
  };
  const deliver = async (): Promise<void> => {
    const deliveryName = `DM${chance.between(1, 9)}`;
    await happen(Array.from({ length: chance.between(2, 8) }, () => ({ type: "send" as const, deliveryName })));
  };
  const strange = async (): Promise<void> => {
    const key = chance.pick(["", "", "C-1001", stranger]);
    await happen([{ type: chance.pick(eventTypes), key }]);
  };
  return {
    tale,
    bear,
    deliver,
    react,
    bounce,
    strange,
    later: (mostMs) => happen([{ type: chance.pick(eventTypes), lateMs: chance.skewed(1_000, mostMs) }]),
    revise,
    merge,
    bury,
    retire,
    tidyUp,
  };
}
