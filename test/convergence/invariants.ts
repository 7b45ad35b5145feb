// What must hold of a history after its faults have ended and all is quiet (issue 4, convergence). Each broken rule is said in words, with the
// records it is about.

import { placeOf, type TableName } from "../../infra/local/scenarios/acme/mappings.js";
import { differencesOf, type Held, type Rows, wantedFor } from "../../infra/local/scenarios/acme/oracle.js";
import type { Write } from "./campaign-log.js";
import { impatience, type Violation } from "./verdict.js";
import type { World } from "./world.js";

/** Everything that is wrong. */
export async function findViolations(world: World): Promise<Violation[]> {
  return [
    ...world.bugs.map((what) => ({ rule: "no mistake in code surfaces", what, ids: [] })),
    ...(await convergence(world)),
    ...world.options.tables.flatMap((table) => writeRules(world, table)),
    ...impatience(world.log.breaches, world.temper),
  ];
}

/** Rows of Dynamics now. */
export function rowsOf(world: World): Rows {
  const read = (table: TableName): ReadonlyMap<string, Held> => {
    const rows = world.dynamics.state(placeOf[table].set, new URLSearchParams()) as Iterable<Held>;
    return new Map([...rows].map((row) => [String(row[placeOf[table].id]), row]));
  };
  return {
    contact: read("contact"),
    acme_dealer: read("acme_dealer"),
    acme_vehicle: read("acme_vehicle"),
    acme_visit: read("acme_visit"),
  };
}

/** Records of Campaign now, by key; twice the same key is twice in the list. */
export function recordsOf(world: World, table: TableName): { key: string; record: Held }[] {
  const held = world.campaign.state(placeOf[table].resource, new URLSearchParams()) as Iterable<{ record: Held }>;
  return [...held].map(({ record }) => ({ key: String(record.externalId ?? ""), record }));
}

async function convergence(world: World): Promise<Violation[]> {
  const rule = "Campaign equals the mapping of Dynamics, or a failure says why not";
  const rows = rowsOf(world);
  const edition = world.edition();
  const open = new Map<string, string>();
  for await (const { table, id, code, message } of world.failures.list("open")) {
    if (message === "") open.set(`${table} ${id}`, "no reason");
    else open.set(`${table} ${id}`, code);
  }
  const dealers = new Map(recordsOf(world, "acme_dealer").map(({ key, record }) => [String(record.PKey), key]));
  const found: Violation[] = [];
  for (const table of world.options.tables) {
    const complain = (id: string, what: string): void => {
      if (!open.has(`${table} ${id}`)) found.push({ rule, what: `${table}: ${what}`, ids: [id] });
    };
    const records = new Map<string, Held>();
    for (const { key, record } of recordsOf(world, table)) {
      if (records.has(key)) complain(key, "there are two records");
      records.set(key, record);
    }
    for (const [id, row] of rows[table]) {
      const wanted = wantedFor(table, row, rows, edition, world.options.tables);
      const record = records.get(id);
      records.delete(id);
      if (wanted.is === "either") continue;
      if (wanted.is === "absent") {
        if (record) complain(id, "there is a record that should not be there");
      } else if (!record) complain(id, "there is no record");
      else {
        for (const what of differencesOf(wanted.fields, record, (pKey) => dealers.get(pKey))) complain(id, what);
      }
    }
    for (const id of records.keys()) complain(id, "there is a record, but no row");
    for (const name of open.keys()) {
      if (open.get(name) === "no reason") found.push({ rule: "a failure has a reason", what: name, ids: [name] });
    }
  }
  return found;
}

function writeRules(world: World, table: TableName): Violation[] {
  const byKey = new Map<string, Write[]>();
  for (const write of world.log.writes) {
    if (write.table !== table) continue;
    byKey.set(write.key, [...(byKey.get(write.key) ?? []), write]);
  }
  return [...byKey].flatMap(([key, writes]) => {
    const done = writes.filter(({ status }) => status < 300);
    return [...lastIsNewest(table, key, done), ...noRepetition(table, key, done), ...noOrphan(table, key, done)];
  });
}

function lastIsNewest(table: TableName, key: string, writes: readonly Write[]): Violation[] {
  const serials = writes.flatMap(({ serial }) => serial ?? []);
  const [last, newest] = [serials.at(-1), Math.max(...serials)];
  if (last === undefined || last >= newest) return [];
  const what = `${table}: #${last} was written last, although #${newest} had been written`;
  return [{ rule: "no older version is the last one written", what, ids: [key] }];
}

function noRepetition(table: TableName, key: string, writes: readonly Write[]): Violation[] {
  return writes.flatMap((write, index) => {
    const before = writes[index - 1];
    if (!before || write.method === "DELETE" || before.hash !== write.hash || write.mayRepeat) return [];
    const what = `${table}: #${write.serial ?? "-"} was written twice in a row, ${write.at - before.at} ms apart`;
    return [{ rule: "no write when nothing mapped changed", what, ids: [key] }];
  });
}

function noOrphan(table: TableName, key: string, writes: readonly Write[]): Violation[] {
  return writes.flatMap(({ orphan, serial, method }) => {
    if (!orphan) return [];
    const what = `${table}: ${method} of #${serial ?? "-"} although its parent was not there`;
    return [{ rule: "no child is written before a parent it has to wait for", what, ids: [key] }];
  });
}
