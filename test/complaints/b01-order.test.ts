import { beforeEach, describe, expect, it } from "vitest";
import { makeTwoSystems, openFailures, type TwoSystems } from "./two-systems.js";

let systems: TwoSystems;
beforeEach(async () => {
  systems = await makeTwoSystems();
});
const resources = ["cusDealer", "cusVehicle", "cusVisit"];
const counts = () => resources.map((name) => systems.world.records(name).length);

/** Tables of the records that are created in Campaign from now on, in order. */
function watchInserts(): string[] {
  const tables: string[] = [];
  const { insert } = systems.world.ports.campaign;
  systems.world.ports.campaign.insert = (mapping, ...given) => {
    tables.push(mapping.table.name);
    return insert(mapping, ...given);
  };
  return tables;
}

/** A dealer, a vehicle of theirs and a visit of the vehicle. */
async function createFamily(): Promise<{ dealer: string; vehicle: string; visit: string }> {
  const dealer = await systems.create("acme_dealers", { acme_name: "North" });
  const vehicle = await systems.create("acme_vehicles", {
    acme_name: "Van",
    "acme_dealerid@odata.bind": `/acme_dealers(${dealer})`,
  });
  const visit = await systems.create("acme_visits", {
    acme_subject: "Checkup",
    acme_kind: 1,
    "acme_vehicleid@odata.bind": `/acme_vehicles(${vehicle})`,
  });
  return { dealer, vehicle, visit };
}

describe("B1: a child written before its parent is hidden, and its later updates and deletes are lost", () => {
  it("writes parents first, whatever the order of the notices, so that no record is hidden", async () => {
    await createFamily();
    const { send } = systems.world.ports.queue;
    const held: Parameters<typeof send>[0][number][] = [];
    systems.world.ports.queue.send = async (envelopes) => void held.push(...envelopes);
    await systems.hear();
    systems.world.ports.queue.send = send;
    const written = watchInserts();

    for (const envelope of held.reverse()) {
      await send([envelope]);
      await systems.world.work();
    }
    await systems.world.drain();

    expect(held.map(({ table }) => table)).toEqual(["acme_visit", "acme_vehicle", "acme_dealer"]);
    expect(written).toEqual(["acme_dealer", "acme_vehicle", "acme_visit"]);
    expect(counts()).toEqual([1, 1, 1]);
  });

  it("brings a later update of a child whose parents nobody announced: they are fetched, and come first", async () => {
    const { visit } = await createFamily();
    await systems.lose();
    const written = watchInserts();

    await systems.edit("acme_visits", visit, { acme_subject: "Repair of the brakes" });
    await systems.settle();
    await systems.edit("acme_visits", visit, { acme_subject: "Ready" });
    await systems.settle();

    expect(written).toEqual(["acme_dealer", "acme_vehicle", "acme_visit"]);
    expect(systems.world.records("cusVisit")).toMatchObject([{ subject: "Ready" }]);
  });

  it("brings a later delete of the child, and of its parents after it", async () => {
    const { visit, vehicle } = await createFamily();
    await systems.settle();

    await systems.remove("acme_vehicles", vehicle);
    await systems.remove("acme_visits", visit);
    await systems.settle();

    expect(counts()).toEqual([1, 0, 0]);
    expect(await openFailures(systems.world)).toEqual([]);
  });
});
