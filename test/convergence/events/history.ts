// What happens while the faults last: deliveries and what people do with their e-mails, rows of Campaign that come late or change, what users do with
// contacts and activities in Dynamics, what operators switch. Seeded; everything is noted for the oracle (told.ts).

import { type EventType, eventTypes } from "../../../shared/model/email-event.js";
import { makeEditor, mergeContacts } from "../editor.js";
import type { Content, Person, Tale, Told } from "./told.js";
import type { EventWorld } from "./world.js";

/** A history in the making. */
export interface EventHistory {
  readonly tale: Tale;
  /** Contacts that exist before the app is installed. */
  prepare(): Promise<void>;
  /** The acts, one after another; a week passes between the last but few. */
  play(): Promise<void>;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const acts = 45;
const actsAfterTheWeek = 10;
/** What the app noted so long ago it has in hand no more, however slow. */
const longAgoMs = 30 * minuteMs;
const sets = ["acs_emailsends", "acs_emailopens", "acs_emailclicks", "acs_emailbounces"] as const;

/** How an event is to be: `of`: it belongs to the row of an earlier send. */
interface Wish extends Partial<Omit<Content, "mirrorPageUrl">> {
  type: EventType;
  of?: Told;
  lateMs?: number;
}

/** Makes the history of a world. */
export function makeEventHistory(world: EventWorld): EventHistory {
  const { scheduler, trace, campaign, dynamics } = world;
  const chance = world.chance.fork();
  const edit = makeEditor(dynamics, scheduler.now);
  const tale: Tale = { events: [], people: new Map(), deleted: new Map(), deletedTasks: new Set() };
  const seconds = new Set<number>();
  let serial = 0;
  let act = 0;

  const say = (what: string, id?: string): void => trace.add("people", `#${act} ${what}`, id);
  const command = (name: string, body: unknown): unknown => {
    if (!campaign.command) throw new Error("the simulator takes no commands");
    return campaign.command(name, body);
  };
  const campaignNow = (): number => scheduler.now() + world.campaignSkewMs;
  const living = (): Person[] => [...tale.people.values()].filter(({ diedAt }) => diedAt === undefined);
  const someone = (): Person | undefined => (living().length === 0 ? undefined : chance.pick(living()));
  const someKey = (): string => {
    const id = someone()?.id ?? strangers[0];
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
      mirrorPageUrl: `https://mirror.example.com/${serial}`,
      isHard: true,
      ...given,
    };
  };
  const note = (eventId: string, content: Content, stagedAt: string): void => {
    const at = Date.parse(stagedAt);
    const version = { content, changedAt: stagedAt, seenAt: Math.max(scheduler.now(), at - world.campaignSkewMs) };
    const known = tale.events.find((told) => told.eventId === eventId);
    if (known) known.versions.push(version);
    else tale.events.push({ eventId, versions: [version] });
    const { type, key, mirrorPageUrl } = content;
    say(`${type} ${eventId} of ${key}, changed ${stagedAt}, ${mirrorPageUrl}`, `${eventId} ${mirrorPageUrl}`);
  };
  /** They happen in one transaction, so that their rows change at the same time. */
  const happen = (wishes: readonly Wish[]): void => {
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
    const { events } = command("events", rows) as { events: { eventId: string; stagedAt: string }[] };
    for (const [index, { eventId, stagedAt }] of events.entries()) {
      const content = contents[index];
      if (content) note(eventId, content, stagedAt);
    }
  };
  const change = (told: Told, values: Record<string, string>, becomes: Partial<Content>): void => {
    const { events } = command("events", { type: "change", of: told.eventId, values }) as {
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
    const id = `00000000-0000-4000-8000-${String(tale.people.size + 1).padStart(12, "0")}`;
    say("creates contact", id);
    await edit("POST", "contacts", { contactid: id, lastname: `Contact ${tale.people.size + 1}` });
    tale.people.set(id, { id, bornAt: scheduler.now() });
  };
  const react = (): void => {
    const send = chance.happens(0.8) ? some(({ type }) => type === "send") : undefined;
    const key = send?.versions.at(-1)?.content.key;
    happen([{ type: chance.pick(["open", "click", "click"]), ...(key !== undefined && { key }) }]);
  };
  const bounce = (): void => {
    const of = chance.happens(0.5) ? someSend() : undefined;
    happen([{ type: "bounce", isHard: chance.happens(0.7), ...(of && { of }) }]);
  };
  const revise = (): void => {
    const keyless = some(({ key }) => key === "");
    const soft = some(({ type, isHard }) => type === "bounce" && !isHard);
    const any = some(() => true);
    const what = chance.pick(["touch", "touch", "rename", "key", "harden"] as const);
    if (what === "key" && keyless) {
      const key = someKey();
      change(keyless, { externalId: key }, { key });
    } else if (what === "harden" && soft) change(soft, { failureType: "hard" }, { isHard: true });
    else if (what === "rename" && any) change(any, { deliveryName: `DR${act}` }, { deliveryName: `DR${act}` });
    else if (any) change(any, { deliveryLabel: `label ${act}` }, {});
  };
  const merge = async (): Promise<void> => {
    const free = living().filter(({ merged }) => merged === undefined);
    if (free.length < 2) return;
    const [winner, loser] = [chance.pick(free), chance.pick(free)];
    if (winner === loser) return;
    say(`merges contact ${loser.id} into ${winner.id}`, `${winner.id} ${loser.id}`);
    await mergeContacts(edit, winner.id, loser.id);
    loser.merged = { at: scheduler.now(), into: winner.id };
  };
  const bury = async (): Promise<void> => {
    const person = someone();
    if (!person) return;
    say("deletes contact", person.id);
    await edit("DELETE", `contacts(${person.id})`);
    person.diedAt = scheduler.now();
  };
  const retire = async (): Promise<void> => {
    const person = living().find(({ merged }) => merged === undefined);
    if (!person) return;
    say("deactivates contact", person.id);
    await edit("PATCH", `contacts(${person.id})`, { statecode: 1, statuscode: 2 });
  };
  const tidyUp = async (): Promise<void> => {
    const set = chance.pick(sets);
    const rows = [...(dynamics.state(set, new URLSearchParams()) as Iterable<Record<string, unknown>>)];
    if (rows.length === 0) return;
    const { activityid, acs_mirrorpageurl } = chance.pick(rows);
    const mirrorPageUrl = String(acs_mirrorpageurl);
    const since = world.records.noted.get(String(activityid))?.at ?? Number.POSITIVE_INFINITY;
    const sure = since < scheduler.now() - longAgoMs;
    say(`deletes an activity${sure ? "" : " that has only just come"}, ${mirrorPageUrl}`, mirrorPageUrl);
    await edit("DELETE", `${set}(${activityid})`);
    tale.deleted.set(mirrorPageUrl, { sure });
  };
  const flip = (isOn: boolean): void => {
    const fits = eventTypes.filter((type) => world.types.has(type) !== isOn);
    if (fits.length === 0) return;
    const type = chance.pick(fits);
    if (isOn) world.types.add(type);
    else world.types.delete(type);
    say(`${type} is switched ${isOn ? "on" : "off"}`);
  };
  const rest = async (): Promise<void> => {
    const ms = chance.skewed(10 * minuteMs, 5 * hourMs);
    say(`the app is away for ${Math.round(ms / minuteMs)} minutes`);
    world.everyMs(0);
    const pieces = chance.between(1, 8);
    for (let piece = 0; piece < pieces; piece += 1) {
      await scheduler.pause(ms / pieces);
      if (chance.happens(0.7)) deliver();
    }
    world.everyMs(minuteMs);
    if (world.temper.rates.kill === 0 || chance.happens(0.4)) return;
    await scheduler.pause(chance.skewed(20, 3_000));
    world.killAll("while it catches up");
  };
  const deliver = (): void => {
    const deliveryName = `DM${chance.between(1, 9)}`;
    happen(Array.from({ length: chance.between(2, 8) }, () => ({ type: "send" as const, deliveryName })));
  };
  const strange = (): void => {
    const key = chance.pick(["", "", "C-1001", ...strangers]);
    happen([{ type: chance.pick(eventTypes), key }]);
  };
  const backdate = (): void => {
    // The wide look back covers it, whatever the moment of the run (pull-events.ts).
    world.backdated(chance.skewed(10_000, 12 * minuteMs), () => (chance.happens(0.3) ? deliver() : react()));
  };

  const ways: readonly [weight: number, way: () => void | Promise<void>][] = [
    [16, deliver],
    [14, react],
    [12, bounce],
    [6, strange],
    [9, backdate],
    [4, () => happen([{ type: chance.pick(eventTypes), lateMs: chance.skewed(1_000, 20 * minuteMs) }])],
    [9, revise],
    [5, merge],
    [4, bury],
    [2, retire],
    [4, bear],
    [7, tidyUp],
    [4, () => flip(true)],
    [1, () => flip(false)],
    [2, () => void command("revoke-tokens", {})],
    [2, rest],
  ];
  const whole = ways.reduce((sum, [weight]) => sum + weight, 0);
  const something = async (): Promise<void> => {
    act += 1;
    let dice = chance.draw() * whole;
    for (const [weight, way] of ways) {
      dice -= weight;
      if (dice < 0) return way();
    }
  };
  const several = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 1) {
      await scheduler.pause(chance.skewed(100, 8 * minuteMs));
      await something();
    }
  };

  return {
    tale,
    async prepare() {
      for (let count = chance.between(4, 12); count > 0; count -= 1) await bear();
      for (const type of eventTypes) if (chance.happens(0.75)) world.types.add(type);
      const moving = chance.happens(0.5) ? 0.05 : 0;
      world.wire.onList = () => {
        if (chance.happens(moving) && !world.temper.isOver) revise();
      };
    },
    async play() {
      await several(acts);
      if (chance.happens(0.5)) {
        say("a week passes");
        world.everyMs(12 * hourMs);
        await scheduler.pause(7 * dayMs);
        world.everyMs(minuteMs);
        for (let count = 0; count < 3; count += 1) bounce();
      }
      await several(actsAfterTheWeek);
    },
  };
}

/** Contacts that never were. */
const strangers = ["00000000-0000-4000-8000-00000000f001", "00000000-0000-4000-8000-00000000f002"] as const;
