// What people do in Dynamics, and operators with the app, in a history with real processes: a seeded sequence of acts over the public APIs. Which
// acts come is the seed's; when exactly they take effect is the machine's.

import { OperatorError } from "../../infra/local/operator.js";
import {
  type Edition,
  localDocumentsOf,
  placeOf,
  type TableName,
  tableNames,
} from "../../infra/local/scenarios/acme/mappings.js";
import type { Chance } from "../convergence/chance.js";
import { hostNames, type RealSystem } from "./real-system.js";

type Values = Record<string, unknown>;

/** A history in the making. */
export interface RealHistory {
  /** The acts, one after another. */
  play(): Promise<void>;
  /** What was done so far, one line each, with the time. */
  readonly lines: readonly string[];
  /** Times (epoch ms) of kills. */
  readonly kills: readonly number[];
  /** The edition in force at the end. */
  edition(): Edition;
}

/** How many acts a history has. */
const acts = 25;
const longestPauseMs = 500;

/** Makes the history of a seed. Ids are the seed's own, so that several histories live side by side in one system. */
export function makeRealHistory(system: RealSystem, chance: Chance, seed: number): RealHistory {
  const { editor, operator, observer } = system;
  const live = new Map<TableName, string[]>(tableNames.map((table) => [table, []]));
  const gone = new Map<TableName, string[]>(tableNames.map((table) => [table, []]));
  /** The vehicle of each visit. */
  const vehicleOf = new Map<string, string>();
  const lines: string[] = [];
  const kills: number[] = [];
  const background: Promise<void>[] = [];
  let ids = 0;
  let serial = 0;
  let edition: Edition = "first";

  const say = (what: string): void => void lines.push(`${new Date().toISOString().slice(11, 23)} #${serial} ${what}`);
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const someOf = (table: TableName): string | undefined => {
    const rows = live.get(table) ?? [];
    return rows.length === 0 ? undefined : chance.pick(rows);
  };
  const bind = (navigation: string, table: TableName, id: string | undefined): Values => ({
    [`${navigation}@odata.bind`]: id === undefined ? null : `/${placeOf[table].set}(${id})`,
  });
  const newId = (): string => {
    ids += 1;
    return `${String(seed).padStart(8, "0")}-0000-4000-8000-${String(ids).padStart(12, "0")}`;
  };

  const content: Record<TableName, () => Values> = {
    contact: () => ({
      fax: String(serial),
      ...(chance.happens(0.6) && { firstname: chance.pick(["Anders", "Birk", null, "mc neil"]) }),
      ...(chance.happens(0.6) && { lastname: chance.pick(["Dale", "Emery", null, "van dyke"]) }),
      ...(chance.happens(0.3) && { salutation: chance.pick(["Dr", "Ms", null]) }),
      ...(chance.happens(0.3) && { gendercode: chance.pick([1, 2, null]) }),
      ...(chance.happens(0.3) && { birthdate: chance.pick(["1980-10-24", null]) }),
    }),
    acme_dealer: () => ({
      acme_rating: serial,
      acme_name: ` ${chance.pick(["Finn", "Gale"])} motors `,
      ...(chance.happens(0.5) && { acme_city: chance.pick(["old TOWN", "springfield", null]) }),
    }),
    acme_vehicle: () => ({
      acme_name: chance.pick([`Wagon ${serial}`, null]),
      acme_make: "Roamer",
      acme_model: `R ${serial}`,
      ...(chance.happens(0.4) && { acme_price: chance.pick([9_000, 60_000.5, 120_000]) }),
      ...(chance.happens(0.4) && { acme_extras: chance.pick(["1", "3,1", null]) }),
      ...(chance.happens(0.4) && { acme_firstregistration: chance.pick(["2019-02-28", null]) }),
    }),
    acme_visit: () => ({
      acme_amount: serial,
      ...(chance.happens(0.5) && { acme_subject: chance.pick([" Check ", "Tyres", null]) }),
      ...(chance.happens(0.5) && { acme_kind: chance.pick([1, 2, null]) }),
      ...(chance.happens(0.3) && { acme_localtime: chance.pick(["2026-03-29T02:30:00Z", null]) }),
    }),
  };
  const links = (table: TableName): Values => {
    if (table === "acme_vehicle") {
      return {
        ...bind("acme_keeperid_contact", "contact", chance.happens(0.7) ? someOf("contact") : undefined),
        ...bind("acme_dealerid", "acme_dealer", chance.happens(0.7) ? someOf("acme_dealer") : undefined),
      };
    }
    const vehicle = table === "acme_visit" ? someOf("acme_vehicle") : undefined;
    return vehicle === undefined ? {} : bind("acme_vehicleid", "acme_vehicle", vehicle);
  };

  const note = (id: string, values: Values): void => {
    const vehicle = /\((.+)\)/.exec(String(values["acme_vehicleid@odata.bind"] ?? ""))?.[1];
    if (vehicle !== undefined) vehicleOf.set(id, vehicle);
  };
  const insert = async (table: TableName, id: string, values: Values): Promise<string> => {
    const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
    say(`creates ${table} ${id} ${JSON.stringify(given)}`);
    await editor.send("POST", placeOf[table].set, { ...given, [placeOf[table].id]: id });
    live.get(table)?.push(id);
    note(id, values);
    return id;
  };
  const create = async (table: TableName): Promise<void> => {
    if (table === "acme_visit" && someOf("acme_vehicle") === undefined) await create("acme_vehicle");
    const again = chance.happens(0.3) ? gone.get(table)?.pop() : undefined;
    await insert(table, again ?? newId(), { ...content[table](), ...links(table) });
  };
  const edit = async (table: TableName, id: string, values: Values): Promise<void> => {
    say(`edits ${table} ${id} ${JSON.stringify(values)}`);
    await editor.send("PATCH", `${placeOf[table].set}(${id})`, values);
    note(id, values);
  };
  const remove = async (table: TableName, id: string): Promise<void> => {
    // A visit without a vehicle is a row that Campaign would hide; people delete both.
    const children = table === "acme_vehicle" ? [...vehicleOf].filter(([, vehicle]) => vehicle === id) : [];
    for (const [visit] of children) await remove("acme_visit", visit);
    vehicleOf.delete(id);
    say(`deletes ${table} ${id}`);
    await editor.send("DELETE", `${placeOf[table].set}(${id})`);
    forget(table, id);
    gone.get(table)?.push(id);
  };
  const forget = (table: TableName, id: string): void => {
    live.set(
      table,
      (live.get(table) ?? []).filter((one) => one !== id),
    );
  };

  /** Parent, child and grandchild within a moment; news of the parents is late, so that the children come first. */
  const family = async (): Promise<void> => {
    for (const table of ["acme_dealer", "acme_vehicle"]) {
      await observer.fault("dataverse", { on: "webhook", table, times: 1, delayMs: chance.between(200, 1_500) });
    }
    const dealer = await insert("acme_dealer", newId(), content.acme_dealer());
    const vehicle = await insert("acme_vehicle", newId(), {
      ...content.acme_vehicle(),
      ...bind("acme_dealerid", "acme_dealer", dealer),
    });
    await insert("acme_visit", newId(), {
      ...content.acme_visit(),
      ...bind("acme_vehicleid", "acme_vehicle", vehicle),
    });
  };
  const merge = async (): Promise<void> => {
    const [winner, loser] = [someOf("contact"), someOf("contact")];
    if (winner === undefined || loser === undefined || winner === loser) return create("contact");
    say(`merges contact ${loser} into ${winner}`);
    const reference = (contactid: string): Values => ({ "@odata.type": "Microsoft.Dynamics.CRM.contact", contactid });
    await editor.send("POST", "Merge", {
      Target: reference(winner),
      Subordinate: reference(loser),
      UpdateContent: { "@odata.type": "Microsoft.Dynamics.CRM.contact", fax: String(serial) },
      PerformParentingChecks: false,
    });
    // It stays as an inactive row; nobody edits it any more.
    forget("contact", loser);
  };
  const flipState = async (table: TableName): Promise<void> => {
    const id = someOf(table);
    if (id === undefined) return create(table);
    const [statecode, statuscode] = chance.happens(0.5) ? [1, 2] : [0, 1];
    await edit(table, id, { statecode, statuscode });
  };
  const burst = async (table: TableName): Promise<void> => {
    for (let time = chance.between(2, 4); time > 0; time -= 1) {
      const id = someOf(table);
      if (id === undefined) return create(table);
      await edit(table, id, content[table]());
      serial += 1;
    }
  };

  /** As an operator does: again, until it has worked; what is refused for good is a mistake of the test. */
  const insist = async (what: string, task: () => Promise<unknown>): Promise<void> => {
    say(what);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await task();
        return;
      } catch (error) {
        const isFinal = error instanceof OperatorError && error.status === 400;
        if (isFinal || attempt === 100) throw error;
        await pause(300);
      }
    }
  };
  const publish = (): Promise<void> => {
    edition = edition === "first" ? "second" : "first";
    return insist(`publishes the ${edition} edition`, () => operator.publish(localDocumentsOf(edition)));
  };
  const stopAndStart = async (): Promise<void> => {
    const drain = chance.happens(0.5);
    await insist(`stops the flow, ${drain ? "the queue worked off" : "the queue held"}`, () => operator.stop(drain));
    background.push(pause(chance.between(500, 3_000)).then(() => insist("starts the flow", () => operator.start())));
  };
  const replay = async (): Promise<void> => {
    const [table, mode] = [chance.pick(tableNames), chance.pick(["changed", "verify"] as const)];
    say(`orders a replay of ${table}: ${mode}`);
    // Refused while another one runs, and nobody insists.
    await operator.replay(table, mode).catch(() => undefined);
  };
  const kill = async (): Promise<void> => {
    const name = chance.pick(hostNames);
    say(`kill -9 of ${name}, and a new start`);
    kills.push(Date.now());
    background.push(system.killAndRestart(name));
    await pause(50);
  };
  const expire = async (): Promise<void> => {
    const table = chance.pick(tableNames);
    const id = someOf(table);
    if (id !== undefined) await remove(table, id);
    say("change tracking links expire");
    await observer.command("dataverse", "expire-delta-tokens");
  };

  /** Shares of a hundred; what is left are creates and edits. */
  const rare: readonly (readonly [share: number, act: () => Promise<void>])[] = [
    [8, family],
    [5, merge],
    [6, () => flipState("acme_vehicle")],
    [4, () => flipState("acme_dealer")],
    [3, publish],
    [3, stopAndStart],
    [2, replay],
    [2, expire],
    [8, () => burst(chance.pick(tableNames))],
  ];
  const act = async (): Promise<void> => {
    let dice = chance.draw() * 100;
    for (const [share, rareAct] of rare) {
      if (dice < share) return rareAct();
      dice -= share;
    }
    const table = chance.pick(tableNames);
    const id = someOf(table);
    const kind = chance.draw();
    if (id === undefined || kind < 0.35) return create(table);
    if (kind < 0.65) return edit(table, id, content[table]());
    if (kind < 0.75) return edit(table, id, unmapped(table));
    if (kind < 0.85) return edit(table, id, { ...content[table](), ...links(table) });
    return remove(table, id);
  };
  const unmapped = (table: TableName): Values =>
    table === "contact" ? { jobtitle: `job ${serial}` } : { acme_remark: `remark ${serial}` };

  return {
    lines,
    kills,
    edition: () => edition,
    async play() {
      const killsAt = new Set(Array.from({ length: chance.between(0, 2) }, () => chance.between(3, acts)));
      // Every history has a family and a publication; the rest is chance.
      const familyAt = chance.between(1, acts);
      const publishAt = chance.between(5, acts);
      for (let count = 1; count <= acts; count += 1) {
        serial += 1;
        if (killsAt.has(count)) {
          // One host after the other: with both gone there is nobody to do anything.
          await Promise.all(background.splice(0));
          await kill();
        }
        if (count === familyAt) await family();
        if (count === publishAt) await publish();
        await act();
        await pause(chance.skewed(2, longestPauseMs));
      }
      await Promise.all(background.splice(0));
    },
  };
}
