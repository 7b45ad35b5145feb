import { beforeEach, describe, expect, it } from "vitest";
import { AuthError, RefusedError, ThrottledError, UnavailableError } from "../../shared/errors.js";
import { handleChange } from "../../shared/flows/handle-change.js";
import type { Gates, IngressControl } from "../../shared/flows/ports.js";
import type { Envelope } from "../../shared/model/envelope.js";
import { type IngressWorld, makeIngressWorld } from "../support/ingress-world.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { anEnvelope, recordId } from "../support/samples.js";

const id = recordId(1);
const running: IngressControl = { wanted: "running", drain: true, parked: new Map() };

let world: IngressWorld;
let control: IngressControl;
let closedUntil: number;
const troubles: string[] = [];
beforeEach(async () => {
  world = await makeIngressWorld();
  control = running;
  closedUntil = 0;
  troubles.length = 0;
  world.ports.control.current = async () => control;
  const gates: Gates = {
    admit: async () =>
      closedUntil > world.clock.now() ? { peer: "campaign", until: closedUntil, reason: "outage" } : undefined,
    trouble: async (peer, error) => void troubles.push(`${peer} ${error instanceof Error ? error.name : ""}`),
    fine: async () => {},
  };
  Object.assign(world.ports.gates, gates);
  world.dynamics.put(id, { lastname: "Birkholz" });
});

function bare(changes: Partial<Envelope> = {}): Envelope {
  const { version: _version, ...rest } = anEnvelope();
  return { ...rest, ...changes };
}

describe("a message that may not be worked on", () => {
  it("waits in its lane while a gate is closed for a short time, and then goes on at once", async () => {
    closedUntil = world.clock.now() + 20_000;

    const { outcome } = await handleChange(world.ports, bare());

    expect(outcome).toBe("created");
    expect(world.clock.now()).toBe(closedUntil);
  });

  it("is put back without counting an attempt when the gate stays closed, and is done after it opens", async () => {
    closedUntil = world.clock.now() + 10 * 60_000;

    const { outcome } = await handleChange(world.ports, bare());
    const calls = world.campaignCalls();
    await world.drain();

    expect([outcome, calls]).toEqual(["held", 0]);
    expect(world.clock.now()).toBeGreaterThanOrEqual(closedUntil);
    expect(world.profiles()).toHaveLength(1);
    expect(await failures()).toEqual([]);
  });

  it("is held while the flow is stopped without draining, and worked off while it is draining", async () => {
    control = { ...running, wanted: "stopped", drain: false };
    const held = await handleChange(world.ports, bare());
    control = { ...running, wanted: "stopped", drain: true };

    const drained = await handleChange(world.ports, bare());

    expect([held.outcome, drained.outcome]).toEqual(["held", "created"]);
  });

  it("is put back at once when its table is parked, so that other tables of the lane go on", async () => {
    control = { ...running, parked: new Map([["contact", "25 equal errors"]]) };
    const before = world.clock.now();

    const { outcome } = await handleChange(world.ports, bare());
    const took = world.clock.now() - before;
    control = running;
    await world.drain();

    expect([outcome, took]).toEqual(["held", 0]);
    expect(world.profiles()).toHaveLength(1);
  });
});

describe("what is wrong with the peer", () => {
  it.each([
    [new UnavailableError("Campaign is away", false, { system: "campaign" }), "campaign UnavailableError"],
    [new AuthError("no token", { system: "ims" }), "campaign AuthError"],
    [new ThrottledError("slower", 5_000, { system: "campaign" }), "campaign ThrottledError"],
    [new UnavailableError("Dynamics is away", false, { system: "dynamics" }), "dynamics UnavailableError"],
    [new AuthError("no token", { system: "entra" }), "dynamics AuthError"],
  ])("closes that peer's gate and costs no attempt: %s", async (error, told) => {
    world.ports.campaign.insert = () => Promise.reject(error);

    const outcome = await handleChange(world.ports, bare({ attempt: 3 }));

    expect(outcome.outcome).toBe("delayed");
    expect(troubles).toEqual([told]);
    world.clock.advance(60_000);
    const again = world.queue.readyLanes().map((lane) => world.queue.receive(lane)?.body as Envelope);
    expect(again.map(({ attempt }) => attempt)).toEqual([3]);
  });

  it("is not assumed after an unclear 500, which may be this record's own", async () => {
    const unclear = new UnavailableError("Campaign answered 500", true, { system: "campaign", status: 500 });
    world.ports.campaign.insert = () => Promise.reject(unclear);

    await handleChange(world.ports, bare());

    expect(troubles).toEqual([]);
  });
});

describe("a field that Campaign refuses", () => {
  const refusing = (misfit: string) =>
    makeIngressWorld({
      mapping: compiled(
        aMappingDocument([aField(), aField({ source: { column: "firstname" }, target: "nickName", misfit })]),
      ),
    });

  it("is left out with a warning when the record can do without it", async () => {
    world = await refusing("skip");
    world.dynamics.put(id, { lastname: "Birkholz", firstname: "Ann" });

    const written = await handleChange(world.ports, bare());

    expect(written).toEqual({ outcome: "created", warnings: ["nickName refused by Campaign and left out"] });
    expect(world.profiles()).toMatchObject([{ lastName: "Birkholz" }]);
  });

  it("fails the record, by name, when it cannot", async () => {
    world = await refusing("fail");
    world.dynamics.put(id, { lastname: "Birkholz", firstname: "Ann" });

    const { outcome } = await handleChange(world.ports, bare());

    expect(outcome).toBe("failed");
    expect(await failures()).toMatchObject([{ code: "unknown-field", message: expect.stringContaining("nickName") }]);
  });
});

describe("equal errors", () => {
  it("are counted by code for parking, a success in between is told, and a parent that never came does not count", async () => {
    const counted: string[] = [];
    world.ports.control.failed = async (table, _id, code) => void counted.push(`${table} ${code}`);
    world.ports.control.succeeded = async (table) => void counted.push(`${table} ok`);
    const { insert } = world.ports.campaign;
    world.ports.campaign.insert = () => Promise.reject(new RefusedError("no", "bad-enumeration-value"));
    await handleChange(world.ports, bare());
    world.ports.campaign.insert = () => Promise.reject(new RefusedError("no parent", "parent-missing"));
    await handleChange(world.ports, bare());
    world.ports.campaign.insert = insert;
    await handleChange(world.ports, bare());

    expect(counted).toEqual(["contact bad-enumeration-value", "contact ok"]);
  });
});

async function failures() {
  const found = [];
  for await (const failure of world.failures.list("open")) found.push(failure);
  return found;
}
