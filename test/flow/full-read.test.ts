import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { campaignInstance } from "../../infra/local/scenarios/acme/campaign-instance.js";
import { TableError } from "../../shared/errors.js";
import type { LoadPace } from "../../shared/flows/fill-lanes.js";
import { cancelFullRead, fullReadStream, orderReplay } from "../../shared/flows/full-read.js";
import { parentsFirst, sweep } from "../../shared/flows/sweep.js";
import { rowEnvelope } from "../../shared/flows/sweep-envelopes.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { depthOf } from "../support/depth-of.js";
import { type IngressWorld, Killed, makeIngressWorld } from "../support/ingress-world.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { recordId } from "../support/samples.js";

const pace: LoadPace = { pageSize: 3, maxDepth: 50, lanes: 2, pollMs: 10, followMs: 1_000 };
const example = (name: string): CompiledMapping =>
  compiled(JSON.parse(readFileSync(`docs/examples/acme-${name}.json`, "utf8")));

let world: IngressWorld;
beforeEach(async () => {
  world = await makeIngressWorld();
});
const runSweep = async (forMs = 60_000) => {
  const result = await sweep(world.busyPorts(), pace, world.clock.now() + forMs);
  await world.drain();
  return result;
};
const put = (number: number, lastname: string) => world.dynamics.put(recordId(number), { lastname });
const names = () =>
  world
    .profiles()
    .map(({ lastName }) => lastName)
    .sort();
const readCheckpoint = async (table = "contact") =>
  (await world.ports.checkpoints.read("ingress", fullReadStream(table)))?.values;

describe("rows deleted while nobody could see it", () => {
  it("are found after the tracking link expired, and nobody else is deleted", async () => {
    for (const number of [1, 2, 3, 4, 5]) put(number, `Name${"abcdef"[number]}`);
    await runSweep();
    world.dynamics.remove(recordId(2));
    world.dynamics.remove(recordId(4));
    world.dynamics.expireLinks();

    await runSweep();

    expect(names()).toEqual(["Nameb", "Named", "Namef"]);
    expect(await readCheckpoint()).toMatchObject({ phase: "done", mode: "recovery", suspects: 2 });
  });

  it("are not brought to life by a notice that was still on its way when they were looked for", async () => {
    await runSweep();
    put(1, "Brief");
    const [row] = await world.dynamics.fetchRows(world.mapping("contact"), [recordId(1)]);
    if (!row) throw new Error("the row is there");
    const late = rowEnvelope(world.mapping("contact"), row, {
      cause: "notice",
      nonce: "late",
      occurredAt: new Date(world.clock.now()).toISOString(),
      settings: 1,
    });
    world.dynamics.remove(recordId(1));
    world.dynamics.expireLinks();
    await runSweep();

    await world.ports.queue.send([late]);
    await runSweep();

    expect(names()).toEqual([]);
  });

  it("are only suspected: a row that is there again when its lane looks stays", async () => {
    for (const number of [1, 2, 3]) put(number, `Name${"abcdef"[number]}`);
    await runSweep();
    world.dynamics.remove(recordId(2));
    world.dynamics.expireLinks();
    const { existing } = world.ports.dynamics;
    world.ports.dynamics.existing = async (mapping, ids) => {
      const there = await existing(mapping, ids);
      put(2, "Restored");
      return there;
    };

    await runSweep();

    expect(names()).toEqual(["Nameb", "Named", "Restored"]);
  });

  it("are found though the process is killed at any call of the recovery", async () => {
    const play = async (): Promise<void> => {
      for (const number of [1, 2, 3, 4]) put(number, `Name${"abcdef"[number]}`);
      await sweepThroughKills();
      world.dynamics.remove(recordId(3));
      put(1, "Changed");
      world.dynamics.expireLinks();
      await sweepThroughKills();
    };
    await play();
    const calls = world.calls();

    for (let call = 1; call <= calls; call += 5) {
      world = await makeIngressWorld();
      world.killAt({ call, when: call % 2 === 0 ? "before" : "after" });
      await play();
      expect(names(), `killed at call ${call}`).toEqual(["Changed", "Namec", "Namee"]);
    }
  }, 60_000);
});

describe("a replay", () => {
  const withCase = (source: unknown) => compiled(aMappingDocument([aField({ source })]));

  it("in mode changed writes what a new mapping makes different, and makes no call for the rest", async () => {
    world = await makeIngressWorld({ mappings: [withCase({ column: "lastname" })] });
    for (const number of [1, 2, 3, 4]) put(number, number === 3 ? "lower" : "UPPER");
    await runSweep();
    world.publish([withCase({ upper: { column: "lastname" } })]);
    const before = world.campaignCalls();

    await orderReplay(world.ports, "contact", "changed");
    await runSweep();

    expect(names()).toEqual(["LOWER", "UPPER", "UPPER", "UPPER"]);
    expect(world.campaignCalls() - before).toBe(1);
  });

  it("in mode changed makes no call at all when nothing is different", async () => {
    for (const number of [1, 2, 3]) put(number, "Same");
    await runSweep();
    const before = world.campaignCalls();

    await orderReplay(world.ports, "contact", "changed");
    const { loaded } = await runSweep();

    expect([loaded, world.campaignCalls() - before]).toEqual([3, 0]);
  });

  it("in mode force writes every record once", async () => {
    for (const number of [1, 2, 3]) put(number, "Same");
    await runSweep();
    const before = world.campaignCalls();

    await orderReplay(world.ports, "contact", "force");
    await runSweep();

    expect(world.campaignCalls() - before).toBe(3);
  });

  it("is refused while another full read of the table is under way, saying which, until that one is cancelled", async () => {
    for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 9]) put(number, "Name");
    await sweep(world.ports, pace, world.clock.now());

    const refused = orderReplay(world.ports, "contact", "changed");
    await expect(refused).rejects.toThrow("a full read of contact is under way (load");
    const cancelled = await cancelFullRead(world.ports, "contact");

    expect(cancelled).toBe(true);
    await expect(orderReplay(world.ports, "contact", "changed")).resolves.toEqual({ generation: 2 });
  });
});

describe("loads of several tables", () => {
  beforeEach(async () => {
    world = await makeIngressWorld({
      mappings: [example("visit"), example("vehicle"), ...shippedMappings().values(), example("dealer")],
      campaign: campaignInstance,
    });
  });

  it("put parents before their children, whatever the order of the mappings", () => {
    const ordered = parentsFirst(new Map([example("visit"), example("vehicle"), example("dealer")].map(byTable)));

    expect(ordered.map(({ table }) => table.name)).toEqual(["acme_dealer", "acme_vehicle", "acme_visit"]);
  });

  it("read parents first, so that no child waits, and end complete", async () => {
    for (const number of [1, 2, 3, 4, 5]) {
      world.dynamics.put(recordId(number), { acme_name: `D${number}`, statecode: 0 }, "acme_dealer");
      const car = { acme_name: `V${number}`, acme_dealerid: recordId(number), "acme_dealerid.type": "acme_dealer" };
      world.dynamics.put(recordId(10 + number), { ...car, statecode: 0 }, "acme_vehicle");
      const visit = { acme_subject: `S${number}`, acme_kind: 1, acme_vehicleid: recordId(10 + number) };
      world.dynamics.put(recordId(20 + number), visit, "acme_visit");
      put(30 + number, "Name");
    }

    await runSweep();

    const counts = ["cusDealer", "cusVehicle", "cusVisit", "profile"].map((name) => world.records(name).length);
    expect(counts).toEqual([5, 5, 5, 5]);
    expect(world.campaignCalls()).toBe(20);
  });

  it("go on with the others when one table cannot be read, set that one aside, and say why", async () => {
    put(1, "Name");
    world.dynamics.put(recordId(2), { acme_name: "North", statecode: 0 }, "acme_dealer");
    const { readChanges } = world.ports.dynamics;
    world.ports.dynamics.readChanges = (mapping, link) =>
      mapping.table.name === "acme_dealer"
        ? Promise.reject(new TableError("change tracking is off for table acme_dealer", "0x80060888"))
        : readChanges(mapping, link);
    const parked: string[] = [];
    world.ports.control.park = async (table, code) => void parked.push(`${table} ${code}`);

    const { setAside } = await runSweep();

    expect(names()).toEqual(["Name"]);
    expect(setAside).toEqual([{ table: "acme_dealer", why: expect.stringContaining("change tracking is off") }]);
    expect(parked).toEqual(["acme_dealer 0x80060888"]);
  });
});

describe("an operator's stop", () => {
  it("ends the sweep before it reads anything, and the ledger brings everything after the start", async () => {
    put(1, "Name");
    const { current } = world.ports.control;
    world.ports.control.current = async () => ({ wanted: "stopped", drain: true, parked: new Map() });

    const stopped = await runSweep();
    world.ports.control.current = current;
    await runSweep();

    expect(stopped).toMatchObject({ stopped: true, changes: 0, loaded: 0 });
    expect(names()).toEqual(["Name"]);
  });

  it("leaves a parked table's ledger where it is", async () => {
    put(1, "Name");
    const { current } = world.ports.control;
    world.ports.control.current = async () => ({
      wanted: "running",
      drain: true,
      parked: new Map([["contact", "25 equal errors"]]),
    });

    await runSweep();
    const meanwhile = [names(), await depthOf(world.queue, 10)];
    world.ports.control.current = current;
    await runSweep();

    expect(meanwhile).toEqual([[], 0]);
    expect(names()).toEqual(["Name"]);
  });
});

function byTable(mapping: CompiledMapping): [string, CompiledMapping] {
  return [mapping.table.name, mapping];
}

async function sweepThroughKills(): Promise<void> {
  for (;;) {
    try {
      await runSweep();
      return;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      world.restart();
    }
  }
}
