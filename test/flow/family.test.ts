import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { campaignInstance } from "../../infra/local/scenarios/acme/campaign-instance.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import type { Envelope } from "../../shared/model/envelope.js";
import type { RecordId } from "../../shared/model/ids.js";
import { type IngressWorld, Killed, makeIngressWorld } from "../support/ingress-world.js";
import { compiled } from "../support/mappings.js";
import { anEnvelope, recordId } from "../support/samples.js";

const document = (name: string, changes: Record<string, unknown> = {}): CompiledMapping =>
  compiled({ ...JSON.parse(readFileSync(`docs/examples/acme-${name}.json`, "utf8")), ...changes });
const mappings = (): CompiledMapping[] => [
  ...shippedMappings().values(),
  document("dealer", { whenFilteredOut: "delete" }),
  document("vehicle"),
  document("visit"),
];

const [dealer, vehicle, visit] = [recordId(1), recordId(2), recordId(3)];
let world: IngressWorld;
beforeEach(async () => {
  world = await makeIngressWorld({ mappings: mappings(), campaign: campaignInstance, lanes: 4 });
});

const putDealer = (changes = {}) =>
  world.dynamics.put(dealer, { acme_name: "North", statecode: 0, ...changes }, "acme_dealer");
const putVehicle = (id = vehicle, changes = {}) =>
  world.dynamics.put(
    id,
    { acme_name: "Van", acme_dealerid: dealer, "acme_dealerid.type": "acme_dealer", statecode: 0, ...changes },
    "acme_vehicle",
  );
const putVisit = (changes = {}) =>
  world.dynamics.put(
    visit,
    { acme_subject: "Checkup", acme_kind: 1, acme_vehicleid: vehicle, ...changes },
    "acme_visit",
  );

let news = 0;
/** A notice without its row. */
function bare(table: string, id: RecordId, changes: Partial<Envelope> = {}): Envelope {
  news += 1;
  const { version: _version, ...rest } = anEnvelope();
  return { ...rest, table, id, nonce: `news-${news}`, ...changes };
}
const tell = (...envelopes: Envelope[]) => world.queue.send(envelopes);
const elapsed = async (work: () => Promise<void>): Promise<number> => {
  const before = world.clock.now();
  await work();
  return world.clock.now() - before;
};
const names = (resource: string, field: string) => world.records(resource).map((record) => record[field]);

describe("records that arrive before the records they need", () => {
  it("are written after them, three levels deep and in any order, within seconds, and each once", async () => {
    putDealer();
    putVehicle();
    putVisit();

    await tell(bare("acme_visit", visit), bare("acme_vehicle", vehicle), bare("acme_dealer", dealer));
    const ms = await elapsed(() => world.drain());

    expect(names("cusDealer", "name")).toEqual(["North"]);
    expect(world.records("cusVehicle")).toMatchObject([{ vehicleName: "Van", dealer: { title: expect.anything() } }]);
    expect(names("cusVisit", "subject")).toEqual(["Checkup"]);
    expect(ms).toBeLessThan(15_000);
    expect(world.campaignCalls()).toBe(3);
  });

  it("have their parent queued though nobody announced it, and once however many wait", async () => {
    putDealer();
    const ids = Array.from({ length: 40 }, (_, index) => recordId(100 + index));
    for (const id of ids) putVehicle(id);
    const asked: string[] = [];
    const { send } = world.ports.queue;
    world.ports.queue.send = async (envelopes) => {
      for (const { table, id } of envelopes) if (table === "acme_dealer") asked.push(id);
      return send(envelopes);
    };

    await tell(...ids.map((id) => bare("acme_vehicle", id)));
    await world.drain();

    expect(world.records("cusVehicle")).toHaveLength(40);
    expect(names("cusDealer", "name")).toEqual(["North"]);
    expect(asked).toEqual([dealer]);
  });

  it("end as a failure that names the parent when it never comes, and arrive by themselves when it does at last", async () => {
    putDealer({ acme_rating: 3 });
    putVehicle();
    const { insert } = world.ports.campaign;
    const { RefusedError } = await import("../../shared/errors.js");
    world.ports.campaign.insert = (mapping, ...rest) =>
      mapping.table.name === "acme_dealer"
        ? Promise.reject(new RefusedError("Campaign refused create cusDealer", "bad-value"))
        : insert(mapping, ...rest);

    await tell(bare("acme_vehicle", vehicle));
    await world.drain();
    const open = await listOpen();
    world.ports.campaign.insert = insert;
    await tell(bare("acme_dealer", dealer, { cause: "redrive" }));
    await world.drain();

    expect(open.find(({ table }) => table === "acme_vehicle")).toMatchObject({
      code: "parent-missing",
      message: expect.stringContaining(`acme_dealer ${dealer}`),
    });
    expect(names("cusVehicle", "vehicleName")).toEqual(["Van"]);
    expect(await listOpen()).toEqual([]);
  });
});

describe("a parent that a filter keeps out of Campaign", () => {
  it("leaves the child without link where the mapping says so, and the link comes with the parent", async () => {
    putDealer({ statecode: 1 });
    putVehicle();

    await tell(bare("acme_vehicle", vehicle));
    await world.drain();
    const without = world.records("cusVehicle");
    putDealer({ statecode: 0 });
    await tell(bare("acme_dealer", dealer));
    await world.drain();

    expect(without).toMatchObject([{ vehicleName: "Van", dealer: null }]);
    expect(world.records("cusVehicle")).toMatchObject([{ dealer: { title: expect.anything() } }]);
  });

  it("keeps the child back where it cannot be without parent, removes it before the parent goes, and brings both back", async () => {
    putDealer();
    putVehicle();
    putVisit();
    await tell(bare("acme_visit", visit));
    await world.drain();
    const before = names("cusVisit", "subject");
    const removed: string[] = [];
    const { remove } = world.ports.campaign;
    world.ports.campaign.remove = (mapping, ...rest) => {
      removed.push(mapping.table.name);
      return remove(mapping, ...rest);
    };

    putVehicle(vehicle, { statecode: 1, acme_price: 5 });
    await tell(bare("acme_vehicle", vehicle));
    await world.drain();
    const gone = [world.records("cusVehicle").length, world.records("cusVisit").length];
    putVehicle();
    await tell(bare("acme_vehicle", vehicle));
    await world.drain();

    expect(before).toEqual(["Checkup"]);
    expect(gone).toEqual([0, 0]);
    expect(removed).toEqual(["acme_visit", "acme_vehicle"]);
    expect([names("cusVehicle", "vehicleName"), names("cusVisit", "subject")]).toEqual([["Van"], ["Checkup"]]);
    expect(await listOpen()).toEqual([]);
  });
});

describe("a process killed at any call while a family arrives, moves and goes", () => {
  /** Child first; then the visit's vehicle is filtered out and comes back; then all are deleted, parents first. */
  async function play(): Promise<void> {
    putDealer();
    putVehicle();
    putVisit();
    await round(bare("acme_visit", visit), bare("acme_vehicle", vehicle));
    putVehicle(vehicle, { statecode: 1, acme_price: 5 });
    await round(bare("acme_vehicle", vehicle));
    putVehicle();
    await round(bare("acme_vehicle", vehicle));
    world.dynamics.remove(visit, "acme_visit");
    world.dynamics.remove(vehicle, "acme_vehicle");
    await round(bare("acme_vehicle", vehicle, { kind: "delete" }), bare("acme_visit", visit, { kind: "delete" }));
  }
  async function round(...envelopes: Envelope[]): Promise<void> {
    await tell(...envelopes);
    for (;;) {
      try {
        return await world.drain();
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        world.restart();
      }
    }
  }

  it("leaves the dealer alone in Campaign, nobody hidden, and no failure", async () => {
    await play();
    const calls = world.calls();

    for (let call = 1; call <= calls; call += 3) {
      for (const when of ["before", "after"] as const) {
        world = await makeIngressWorld({ mappings: mappings(), campaign: campaignInstance, lanes: 4 });
        world.killAt({ call, when });
        await play();

        const left = ["cusDealer", "cusVehicle", "cusVisit"].map((resource) => world.records(resource).length);
        expect(left, `killed ${when} call ${call}`).toEqual([1, 0, 0]);
        expect(await listOpen()).toEqual([]);
      }
    }
    expect(calls).toBeGreaterThan(60);
  }, 60_000);
});

async function listOpen() {
  const found = [];
  for await (const failure of world.failures.list("open")) found.push(failure);
  return found;
}
