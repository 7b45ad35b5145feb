// The linked scenario, played on a running runtime: contacts and three custom tables that hang together (docs/examples), published, loaded and then
// lived with. What it measures goes into a report as the main job's does; who judges is scenarios/acme/oracle.ts.

import type { Stage } from "./main-job.js";
import type { Operator } from "./operator.js";
import { eventually } from "./people.js";
import { percentiles, type Report, range } from "./report.js";
import { compareHoldings, readHoldings } from "./scenarios/acme/compare.js";
import { inventDealer, inventVehicle, inventVisit, linkTo, type Row, rowId } from "./scenarios/acme/invent.js";
import { localDocumentsOf, placeOf, type TableName, tableNames } from "./scenarios/acme/mappings.js";
import { contactId, inventContact } from "./scenarios/contacts.js";

/** What it is played with besides. `register` brings the steps in Dynamics up to the settings in force. */
export interface LinkedStage extends Stage {
  operator: Operator;
  register(): Promise<void>;
}

/** Rows of each table when it begins. */
export const linkedSizes = { contacts: 200, dealers: 20, vehicles: 200, visits: 300 } as const;

const newFamilies = 5;
const edits = 10;
/** Long enough that news of a child comes before news of its parent. */
const parentsLateMs = 2_000;

/** Puts the rows into Dynamics, parents first. */
export async function seedLinked({ observer }: Pick<Stage, "observer">): Promise<void> {
  const { contacts, dealers, vehicles, visits } = linkedSizes;
  await observer.seedContacts(range(0, contacts).map(inventContact));
  await observer.seed(placeOf.acme_dealer.set, range(0, dealers).map(inventDealer));
  await observer.seed(
    placeOf.acme_vehicle.set,
    range(0, vehicles).map((number) => inventVehicle(number, linkedSizes)),
  );
  await observer.seed(
    placeOf.acme_visit.set,
    range(0, visits).map((number) => inventVisit(number, linkedSizes)),
  );
}

/** Plays it: contacts alone, then all tables by a publication on the running app, then live changes; judges at the end. */
export async function playLinked(stage: LinkedStage): Promise<Report> {
  const { observer, operator, editor, say } = stage;
  const calls: Report["campaignCalls"] = {};
  const latencies: number[] = [];
  const count = async (kind: string, changes: number): Promise<void> => {
    calls[kind] = { changes, calls: (await observer.takeCalls()).total };
  };
  const arrives = async (table: TableName, id: string, edit: () => Promise<unknown>): Promise<void> => {
    const resource = placeOf[table].resource;
    const before = (await observer.writes(id, resource)).length;
    const edited = Date.now();
    await edit();
    const write = await eventually(
      `the change of ${table} ${id} in Campaign`,
      async () => (await observer.writes(id, resource))[before],
      { withinMs: 120_000 },
    );
    latencies.push(Date.parse(write.at) - edited);
  };
  const rowPath = (table: TableName, id: string): string => `${placeOf[table].set}(${id})`;

  const started = Date.now();
  await loaded(stage, ["contact"]);
  await count("load of contacts", linkedSizes.contacts);
  say(`contacts are loaded; custom tables are published on the running app`);
  const { version } = await operator.publish(localDocumentsOf("first"), "custom tables");
  await stage.register();
  await count("publication", 1);
  say(`version ${version} of the settings is in force`);
  await loaded(stage, tableNames);
  const custom = linkedSizes.dealers + linkedSizes.vehicles + linkedSizes.visits;
  await count("load of custom tables", custom);
  const loadSeconds = (Date.now() - started) / 1000;
  say(`all tables are loaded: ${linkedSizes.contacts + custom} records in ${loadSeconds.toFixed(1)} s`);

  say("live changes:");
  await observer.fault("dataverse", { on: "webhook", table: "acme_vehicle", delayMs: parentsLateMs });
  await observer.fault("dataverse", { on: "webhook", table: "acme_dealer", delayMs: parentsLateMs });
  for (const family of range(0, newFamilies)) {
    const [dealer, vehicle, visit] = newFamily(family);
    await editor.send("POST", placeOf.acme_dealer.set, dealer);
    await editor.send("POST", placeOf.acme_vehicle.set, vehicle);
    await arrives("acme_visit", String(visit.acme_visitid), () => editor.send("POST", placeOf.acme_visit.set, visit));
  }
  await agreed(stage);
  await observer.clearFaults("dataverse");
  await count("create, child first", 3 * newFamilies);
  say(`  ${newFamilies} visits whose news came before that of their new vehicles and dealers`);

  for (const number of range(0, edits)) {
    const id = rowId("acme_vehicle", number);
    await arrives("acme_vehicle", id, () =>
      editor.send("PATCH", rowPath("acme_vehicle", id), { acme_name: `Renamed ${number}` }),
    );
  }
  await count("update", edits);
  for (const number of range(0, edits)) {
    await editor.send("PATCH", rowPath("acme_vehicle", rowId("acme_vehicle", number)), { acme_remark: "seen" });
  }
  await dealtWith(
    stage,
    "acme_vehicle",
    range(0, edits).map((number) => rowId("acme_vehicle", number)),
  );
  await count("unchanged", edits);
  say(`  ${edits} vehicles renamed, and as many edited where no mapping reads`);

  // Inactive and cheap: not wanted any more, and with it its visits.
  const parent = rowId("acme_vehicle", 20);
  const visits = (await observer.rows(placeOf.acme_visit.set)).filter(
    (visit) => visit._acme_vehicleid_value === parent,
  ).length;
  await arrives("acme_vehicle", parent, () =>
    editor.send("PATCH", rowPath("acme_vehicle", parent), { statecode: 1, statuscode: 2 }),
  );
  await agreed(stage);
  await count("filtered out", 1 + visits);
  await arrives("acme_vehicle", parent, () =>
    editor.send("PATCH", rowPath("acme_vehicle", parent), { statecode: 0, statuscode: 1 }),
  );
  await agreed(stage);
  await count("back in", 1 + visits);
  say(`  a vehicle with ${visits} visits filtered out, and back in`);

  const [winner, loser] = [contactId(1), contactId(2)];
  await arrives("contact", loser, () => editor.send("POST", "Merge", mergeOf(winner, loser)));
  await agreed(stage);
  await count("merge", 2);
  say("  two contacts merged");

  for (const number of range(0, edits)) {
    const id = rowId("acme_visit", 100 + number);
    await arrives("acme_visit", id, () => editor.send("DELETE", rowPath("acme_visit", id)));
  }
  await count("delete", edits);
  say(`  ${edits} visits deleted`);

  return { ...(await judgeLinked(stage)), campaignCalls: calls, latencyMs: percentiles(latencies), loadSeconds };
}

/** Compares the systems as they are now. */
export async function judgeLinked({
  observer,
  state,
}: Pick<Stage, "observer" | "state">): Promise<Pick<Report, "agree" | "records" | "differences" | "failures">> {
  const holdings = await readHoldings(observer);
  const differences = compareHoldings(holdings, "first");
  let failures = 0;
  for await (const _failure of state.failures.list("open")) failures += 1;
  const records = tableNames.reduce((sum, table) => sum + holdings.rows[table].size, 0);
  return { agree: differences.length === 0, records, differences, failures };
}

function newFamily(number: number): [Row, Row, Row] {
  const of = 10_000 + number;
  const dealer = inventDealer(of);
  const vehicle = {
    ...inventVehicle(of, linkedSizes),
    ...linkTo("acme_dealerid", "acme_dealer", rowId("acme_dealer", of)),
  };
  const visit = {
    ...inventVisit(of, linkedSizes),
    ...linkTo("acme_vehicleid", "acme_vehicle", rowId("acme_vehicle", of)),
  };
  return [dealer, vehicle, visit];
}

function mergeOf(winner: string, loser: string): unknown {
  const contact = (contactid: string) => ({ "@odata.type": "Microsoft.Dynamics.CRM.contact", contactid });
  return {
    Target: contact(winner),
    Subordinate: contact(loser),
    UpdateContent: { "@odata.type": "Microsoft.Dynamics.CRM.contact", fax: "+49 30 5550000" },
    PerformParentingChecks: false,
  };
}

async function loaded(stage: LinkedStage, tables: readonly TableName[]): Promise<void> {
  const { observer, state, progress } = stage;
  let last = "";
  await eventually(
    `the load of ${tables.join(", ")}`,
    async () => {
      const reads = await Promise.all(
        tables.map(async (table) => {
          const checkpoint = await state.checkpoints.read("ingress", `${table}-load`).catch(() => undefined);
          return { table, values: checkpoint?.values };
        }),
      );
      const differences = compareHoldings(await readHoldings(observer), "first").filter(({ table }) =>
        tables.includes(table),
      );
      const counts = reads.map(({ table, values }) => `${table} ${values?.count ?? 0}`).join(", ");
      progress(`  load: rows read: ${counts}; ${differences.length} differences left`);
      last = differences
        .slice(0, 3)
        .map(({ table, id, what }) => `${table} ${id}: ${what}`)
        .join("; ");
      return reads.every(({ values }) => values?.phase === "done") && differences.length === 0 ? true : undefined;
    },
    { withinMs: 300_000, everyMs: 500 },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; ${last}`);
  });
}

async function agreed({ observer }: Stage): Promise<void> {
  let last = "";
  await eventually(
    "both systems to agree",
    async () => {
      const [first] = compareHoldings(await readHoldings(observer), "first");
      last = first === undefined ? "" : `${first.table} ${first.id}: ${first.what}`;
      return first === undefined ? true : undefined;
    },
    { withinMs: 120_000, everyMs: 200 },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; ${last}`);
  });
}

/** Waits until the app has dealt with the newest version of these rows. */
async function dealtWith({ observer, state }: Stage, table: TableName, ids: readonly string[]): Promise<void> {
  const rows = await observer.rows(placeOf[table].set);
  for (const id of ids) {
    const version = String(rows.find((row) => row[placeOf[table].id] === id)?.versionnumber);
    await eventually(`version ${version} of ${id} to be dealt with`, async () => {
      const stored = await state.states.read(table, id as Parameters<typeof state.states.read>[1]);
      return stored?.state.version === version ? true : undefined;
    });
  }
}
