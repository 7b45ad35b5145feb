// What people do in Dynamics while the faults last: a seeded sequence of acts on contacts, dealers, vehicles and visits, over the public Web API.
// Every act that touches mapped content writes its number into one mapped column, so that any write tells which act it carries.

import { placeOf, type TableName } from "../../infra/local/scenarios/acme/mappings.js";
import { orderReplay } from "../../shared/flows/full-read.js";
import type { Chance } from "./chance.js";
import { makeEditor, mergeContacts } from "./editor.js";
import type { Host } from "./host.js";
import { makeChoosers } from "./opt-outs/people.js";
import type { World } from "./world.js";

/** How a history is made. */
export interface HistoryOptions {
  acts: number;
  /** Operators publish settings, stop and start, and order replays in the middle. */
  operates: boolean;
  merges: boolean;
  expires: boolean;
}

type Values = Record<string, unknown>;

/** A history in the making. */
export interface History {
  /** Rows that exist before the app is installed. */
  prepare(): Promise<void>;
  /** The acts, one after another. */
  play(): Promise<void>;
  /** Contacts that were deleted once, where people choose opt-outs. */
  readonly ended: ReadonlySet<string>;
}

/** Makes the history of a world. */
export function makeHistory(world: World, options: HistoryOptions): History {
  const { dynamics, scheduler, trace, temper } = world;
  const chance = world.chance.fork();
  const { tables } = world.options;
  const live = new Map<TableName, string[]>(tables.map((table) => [table, []]));
  const gone = new Map<TableName, string[]>(tables.map((table) => [table, []]));
  let ids = 0;
  let acts = 0;
  const send = makeEditor(dynamics, scheduler.now);
  const say = (what: string, id?: string): void => trace.add("people", `#${acts} ${what}`, id);
  const choosers = world.choices && makeChoosers(world, chance.fork(), send, say);
  const someOf = (table: TableName): string | undefined => {
    const rows = live.get(table) ?? [];
    return rows.length === 0 ? undefined : chance.pick(rows);
  };
  const link = (table: TableName, navigation: string, values: Values): void => {
    if (!tables.includes(table)) return;
    const id = chance.happens(0.8) ? someOf(table) : undefined;
    values[`${navigation}@odata.bind`] = id === undefined ? null : `/${placeOf[table].set}(${id})`;
  };

  const content: Record<TableName, () => Values> = {
    contact: () => ({ ...contactContent(chance, acts), ...choosers?.content() }),
    acme_dealer: () => dealerContent(chance, acts),
    acme_vehicle: () => vehicleContent(chance, acts),
    acme_visit: () => visitContent(chance, acts),
  };
  const linkAnew = (table: TableName, values: Values): void => {
    if (table === "acme_vehicle") {
      link("contact", "acme_keeperid_contact", values);
      link("acme_dealer", "acme_dealerid", values);
    }
    if (table === "acme_visit") link("acme_vehicle", "acme_vehicleid", values);
  };

  const create = async (table: TableName): Promise<void> => {
    const { set, id: key } = placeOf[table];
    const again = chance.happens(0.25) ? gone.get(table)?.pop() : undefined;
    ids += 1;
    const id = again ?? `00000000-0000-4000-8000-${String(ids).padStart(12, "0")}`;
    const values = { ...content[table](), [key]: id };
    linkAnew(table, values);
    for (const [name, value] of Object.entries(values)) if (value === null) delete values[name as keyof typeof values];
    say(`${again ? "restores" : "creates"} ${table} ${JSON.stringify(values)}`, id);
    if (table === "contact") choosers?.before(id, values);
    await send("POST", set, values);
    live.get(table)?.push(id);
  };
  const edit = async (table: TableName, id: string, values: Values): Promise<void> => {
    say(`edits ${table} ${JSON.stringify(values)}`, id);
    if (table === "contact") choosers?.before(id, values);
    await send("PATCH", `${placeOf[table].set}(${id})`, values);
  };
  const remove = async (table: TableName, id: string): Promise<void> => {
    say(`deletes ${table}`, id);
    choosers?.ends(id);
    await send("DELETE", `${placeOf[table].set}(${id})`);
    forget(table, id);
  };
  const forget = (table: TableName, id: string): void => {
    live.set(
      table,
      (live.get(table) ?? []).filter((one) => one !== id),
    );
    gone.get(table)?.push(id);
  };
  const merge = async (): Promise<void> => {
    const [winner, loser] = [someOf("contact"), someOf("contact")];
    if (winner === undefined || loser === undefined || winner === loser) return;
    say(`merges contact ${loser} into ${winner}`, `${winner} ${loser}`);
    choosers?.merging(winner, loser);
    await mergeContacts(send, winner, loser, { fax: String(acts) });
    // It stays as an inactive row; nobody edits it any more.
    live.set(
      "contact",
      (live.get("contact") ?? []).filter((one) => one !== loser),
    );
  };
  const flipState = (table: TableName, id: string): Promise<void> => {
    const inactive = chance.happens(0.5);
    return edit(table, id, { statecode: inactive ? 1 : 0, statuscode: inactive ? 2 : 1 });
  };
  const expireLinks = async (): Promise<void> => {
    const table = chance.pick(tables);
    const id = someOf(table);
    if (id !== undefined) await remove(table, id);
    say("change tracking links expire");
    await dynamics.command?.("expire-delta-tokens", {});
  };
  const operate = async (): Promise<void> => {
    const what = chance.pick(["publish", "publish", "stop", "hold", "replay"] as const);
    if (what === "publish") {
      say("another edition is published");
      return world.publish();
    }
    if (what === "replay") {
      const [table, mode] = [chance.pick(tables), chance.pick(["changed", "force", "verify"] as const)];
      say(`a replay of ${table} is ordered: ${mode}`);
      await world.inSomeHost(({ ports }) => orderReplay(ports, table, mode)).catch(() => undefined);
      return;
    }
    say(what === "stop" ? "the flow is stopped, the queue worked off" : "the flow is stopped, the queue held");
    await insist(({ control }) => control.stop(what === "stop", "operator"));
    await scheduler.pause(chance.skewed(500, 120_000));
    await insist(({ control }) => control.start("operator"));
    say("the flow is started");
  };
  /** As an operator does: again, until it has worked. */
  const insist = async (task: (host: Host) => Promise<void>): Promise<void> => {
    const once = async (host: Host): Promise<boolean> => {
      await task(host);
      return true;
    };
    while (!(await world.inSomeHost(once).catch(() => false))) await scheduler.pause(1_000);
  };

  const act = async (): Promise<void> => {
    acts += 1;
    if (options.expires && temper.strikes("expiredLink")) return expireLinks();
    if (options.operates && chance.happens(0.04)) return operate();
    if (options.merges && chance.happens(0.05)) return merge();
    const table = chance.pick(tables);
    const id = someOf(table);
    if (choosers && table === "contact" && id !== undefined && chance.happens(0.5)) return choosers.choose(id);
    const dice = chance.draw();
    if (id === undefined || dice < 0.25) return create(table);
    if (dice < 0.55) return edit(table, id, { ...content[table]() });
    if (dice < 0.65) return edit(table, id, unmapped(table, acts));
    if (dice < 0.75) {
      for (let time = chance.between(2, 5); time > 0; time -= 1) {
        await edit(table, id, content[table]());
        acts += 1;
        await scheduler.pause(chance.between(0, 250));
      }
      return;
    }
    if (dice < 0.85) return remove(table, id);
    if (dice < 0.92 || table === "contact") return flipState(table, id);
    const values: Values = content[table]();
    linkAnew(table, values);
    return edit(table, id, values);
  };

  return {
    ended: choosers?.ended ?? new Set(),
    async prepare() {
      for (const table of tables) {
        for (let count = chance.between(0, 9); count > 0; count -= 1) {
          acts += 1;
          await create(table);
        }
      }
    },
    async play() {
      for (let count = 0; count < options.acts; count += 1) {
        await scheduler.pause(chance.skewed(5, 40_000));
        await act();
      }
    },
  };
}

const words = ["Anders", "Birk", "Cole", "Dale", "Emery", "Finn", "Gale", "Hollis"] as const;

function contactContent(chance: Chance, serial: number): Values {
  return {
    fax: String(serial),
    ...(chance.happens(0.6) && { firstname: chance.pick([...words, "", "mc neil"]) || null }),
    ...(chance.happens(0.5) && { lastname: chance.pick([...words, "", "van dyke"]) || null }),
    ...(chance.happens(0.3) && { salutation: chance.pick(["Dr", "Ms", ""]) || null }),
    ...(chance.happens(0.3) && { gendercode: chance.pick([1, 2, null]) }),
    ...(chance.happens(0.3) && { birthdate: chance.pick(["1980-10-24", "1999-12-31", null]) }),
    ...(chance.happens(0.3) && { address1_city: chance.pick(["Lyon", "Turin", ""]) || null }),
    ...(chance.happens(0.3) && {
      emailaddress1: chance.happens(0.08) ? "nobody at all" : chance.pick([`c${serial}@example.com`, null]),
    }),
  };
}

function dealerContent(chance: Chance, serial: number): Values {
  return {
    acme_rating: serial,
    acme_name: `  ${chance.pick(words)} motors `,
    ...(chance.happens(0.5) && { acme_city: chance.pick(["old TOWN", "springfield", null]) }),
    ...(chance.happens(0.5) && { acme_premium: chance.happens(0.5) }),
  };
}

function vehicleContent(chance: Chance, serial: number): Values {
  const named = chance.happens(0.5);
  return {
    acme_name: named ? `Wagon ${serial}` : null,
    acme_make: "Roamer",
    acme_model: `R ${serial}`,
    ...(chance.happens(0.4) && { acme_fuel: chance.pick([727000000, 727000001, 727000002, null]) }),
    ...(chance.happens(0.4) && { acme_extras: chance.pick(["1", "3,1", null]) }),
    ...(chance.happens(0.4) && { acme_price: chance.pick([9_000, 60_000.5, 120_000]) }),
    ...(chance.happens(0.4) && { acme_seats: chance.pick([2, 5, 400]) }),
    ...(chance.happens(0.4) && { acme_firstregistration: chance.pick(["2019-02-28", "2024-02-29", null]) }),
  };
}

function visitContent(chance: Chance, serial: number): Values {
  return {
    acme_amount: serial,
    ...(chance.happens(0.5) && { acme_subject: chance.pick([" Check ", "Tyres", null]) }),
    ...(chance.happens(0.5) && { acme_kind: chance.pick([1, 2, 3, null]) }),
    ...(chance.happens(0.3) && { acme_localtime: chance.pick(["2026-03-29T02:30:00Z", null]) }),
    ...(chance.happens(0.3) && { acme_finishedon: chance.pick(["2026-03-29T01:30:00Z", null]) }),
  };
}

function unmapped(table: TableName, serial: number): Values {
  return table === "contact" ? { jobtitle: `job ${serial}` } : { acme_remark: `remark ${serial}` };
}
