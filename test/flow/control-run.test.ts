import { beforeEach, describe, expect, it } from "vitest";
import { BindingError, UnavailableError } from "../../shared/errors.js";
import { type ChangeOutcome, handleChange } from "../../shared/flows/handle-change.js";
import { receiveNotice } from "../../shared/flows/receive-notice.js";
import { parseEnvelope } from "../../shared/model/envelope.js";
import { type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { anEnvelope, recordId } from "../support/samples.js";

let own: ControlWorld;
beforeEach(async () => {
  own = await makeControlWorld();
});

type Json = Record<string, unknown>;

async function workflow(): Promise<Json> {
  const { status, body } = await own.ask("GET", "/status");
  expect(status).toBe(200);
  return (body.workflows as Json[])[0] ?? {};
}

async function swept(table = "contact"): Promise<void> {
  const { checkpoints, clock } = own.world.ports;
  const at = new Date(clock.now()).toISOString();
  const before = await checkpoints.read("ingress", `${table}-delta`);
  await checkpoints.save("ingress", `${table}-delta`, { phase: "following", link: "x", at }, before?.etag);
}

/** `count` contacts changed; their messages are on the queue. */
async function queued(count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) {
    const version = own.world.dynamics.put(recordId(n), { lastname: `Lee ${n}` });
    await own.world.queue.send([anEnvelope({ id: recordId(n), version })]);
  }
}

describe("the status", () => {
  it("says STARTING before the first sweep, RUNNING after it, with all that an operator wants to know", async () => {
    const before = await workflow();
    await swept();
    await own.world.ports.checkpoints.save(
      "ingress",
      "contact-load",
      {
        phase: "reading",
        mode: "load",
        generation: 1,
        count: 40,
        startedAt: "2026-03-01T00:00:00.000Z",
        cursor: "secret",
      },
      undefined,
    );
    await queued(3);
    own.world.clock.advance(30_000);

    const { body, text } = await own.ask("GET", "/status");

    expect(before).toMatchObject({ state: "STARTING", wanted: "running" });
    expect(body).toMatchObject({
      at: "2026-03-01T00:00:30.000Z",
      workflows: [{ name: "ingress", state: "RUNNING", reasons: [] }],
      settingsVersion: 1,
      lastSweepAt: "2026-03-01T00:00:00.000Z",
      backlog: { waiting: 3, orMore: false },
      tables: [
        {
          table: "contact",
          state: "RUNNING",
          changes: { phase: "following", lagMs: 30_000 },
          fullRead: { phase: "reading", mode: "load", records: 40, details: { generation: 1 } },
        },
      ],
      failures: { open: 0, orMore: false },
      callsToday: { "insert profile": 3 },
    });
    expect(text).not.toContain("secret");
  });

  it("says FAILED with the reason when the state belongs to another environment", async () => {
    await swept();
    own.world.ports.binding = async () => {
      throw new BindingError("this state belongs to another organisation");
    };

    expect(await workflow()).toMatchObject({
      state: "FAILED",
      reasons: ["this state belongs to another organisation"],
    });
  });

  it("keeps saying RUNNING while Dynamics alone cannot be asked", async () => {
    await swept();
    own.world.ports.binding = async () => {
      throw new UnavailableError("dynamics does not answer", false);
    };

    expect(await workflow()).toMatchObject({ state: "RUNNING" });
  });

  it("shows a closed gate, first as a reason and after a quarter of an hour as a failure", async () => {
    await swept();
    own.gates.push({ peer: "campaign", state: "closed", since: "2026-03-01T00:00:00Z", reason: "no answer" });
    const early = await workflow();
    own.world.clock.advance(15 * 60_000 + 1);
    await swept();

    const late = await workflow();

    expect(early).toMatchObject({ state: "RUNNING", reasons: ["calls to campaign are held back: no answer"] });
    expect(late).toMatchObject({ state: "FAILED" });
  });

  it("is refused with 503, not made up, when the tables cannot be read", async () => {
    own.ports.gates = async () => {
      throw new UnavailableError("tables are away", false);
    };

    expect(await own.ask("GET", "/status")).toMatchObject({ status: 503, body: { error: { code: "unavailable" } } });
  });
});

describe("a stop", () => {
  it("without draining holds every queued message within a second, and says STOPPED when no call can be under way", async () => {
    await swept();
    await own.control.current();
    await queued(3);

    const stop = await own.anotherProcess().stop(false, "ada");
    own.world.clock.advance(1_000);
    const outcomes = [await workOne(), await workOne(), await workOne()];
    const late = await workflow();

    expect(stop).toBeUndefined();
    expect(outcomes).toMatchObject(Array(3).fill({ outcome: "held", held: { reason: "stopped" } }));
    expect(own.world.campaignCalls()).toBe(0);
    expect(late).toMatchObject({ state: "STOPPED", by: "ada" });
  });

  it("is STOPPING for as long as a call announced just before it may take effect: one second and one and a half budgets", async () => {
    await own.ask("POST", "/workflows/ingress/stop", { body: { drain: false } });
    own.world.clock.advance(1_000 + 6_000);
    const still = await workflow();
    own.world.clock.advance(1);

    expect(still).toMatchObject({ state: "STOPPING" });
    expect(await workflow()).toMatchObject({ state: "STOPPED" });
  });

  it("drops notices within a second in a process that did not stop it", async () => {
    const other = own.anotherProcess();
    const ports = { ...own.world.ports, control: other };
    const take = () =>
      receiveNotice(ports, {
        organizationId: "org",
        message: "Update",
        records: [{ table: "contact", id: recordId(1), deleted: false, image: () => undefined }],
        truncated: false,
        occurredAt: "2026-03-01T00:00:00Z",
        correlationId: "correlation-1",
        requestId: "",
        operationId: "",
        tags: [],
      });
    const before = await take();
    await other.current();

    await own.ask("POST", "/workflows/ingress/stop");
    own.world.clock.advance(1_000);
    const after = await take();

    expect(before).toMatchObject({ outcome: "queued" });
    expect(after).toEqual({ outcome: "ignored", reason: "stopped" });
  });

  it("with draining works off the queue, holds what is due later, and then says STOPPED", async () => {
    await swept();
    await queued(3);
    own.world.dynamics.put(recordId(9), { lastname: "Late" });
    await own.world.queue.schedule(anEnvelope({ id: recordId(9) }), own.world.clock.now() + 2 * 3_600_000);

    await own.ask("POST", "/workflows/ingress/stop");
    const draining = await workflow();
    await own.world.work();
    const written = own.world.profiles().length;
    const drained = await workflow();
    own.world.clock.advance(7_001);
    const stopped = await workflow();
    own.world.clock.advance(2 * 3_600_000);
    const late = await workOne();

    expect(draining).toMatchObject({ state: "STOPPING", drain: true });
    expect(written).toBe(3);
    expect(drained).toMatchObject({ state: "STOPPING", drain: false, by: "function-key" });
    expect(stopped).toMatchObject({ state: "STOPPED" });
    expect(late).toMatchObject({ outcome: "held" });
    expect(own.world.profiles()).toHaveLength(3);
  });

  it("followed by a start goes on where it was, and nothing is lost", async () => {
    await queued(3);
    await own.ask("POST", "/workflows/ingress/stop", { body: { drain: false } });
    await workOne();

    const start = await own.ask("POST", "/workflows/ingress/start", { headers: { "x-operator": "ada" } });
    const state = await workflow();
    await own.world.drain();

    expect(start).toMatchObject({ status: 200, body: { wanted: "running" } });
    expect(state).toMatchObject({ state: "STARTING", wanted: "running", by: "ada" });
    expect(own.world.profiles()).toHaveLength(3);
  });

  it("of a workflow that is not there is refused", async () => {
    expect(await own.ask("POST", "/workflows/nothing/stop")).toMatchObject({
      status: 400,
      body: {
        error: { problems: [{ path: "path.workflow", fix: expect.stringMatching(/^give one of ingress, egress/) }] },
      },
    });
  });
});

describe("a parked table", () => {
  it("is not written, says why, and goes on when it is taken up again", async () => {
    await queued(2);

    const parking = await own.ask("POST", "/tables/contact/parking", { body: { reason: "moving house" } });
    await own.world.work();
    const written = own.world.profiles().length;
    const { body } = await own.ask("GET", "/status");
    const takenUp = await own.ask("DELETE", "/tables/contact/parking");
    await own.world.drain();

    expect(parking).toMatchObject({ status: 200, body: { parked: { reason: "moving house", by: "function-key" } } });
    expect(written).toBe(0);
    expect(body.tables).toMatchObject([{ state: "PARKED", parked: { reason: "moving house" } }]);
    expect(takenUp.body).toEqual({ table: "contact", wasParked: true });
    expect(own.world.profiles()).toHaveLength(2);
  });

  it("is parked by the product after equal errors, with the code, and the rest of its messages is held, not failed", async () => {
    own = await makeControlWorld({ parkAfter: 2, lanes: 1 });
    await queued(5);
    for (let n = 0; n < 2; n += 1) {
      own.world.refuseNext("'nonsense' property is not valid for the 'profile' resource.");
      await workOne();
    }
    await own.world.work();
    const { body } = await own.ask("GET", "/status");

    expect(body.tables).toMatchObject([{ state: "PARKED", parked: { by: "product" } }]);
    expect(body.failures).toEqual({ open: 2, orMore: false });
    expect(own.world.profiles()).toHaveLength(0);
  });

  it("that no settings map is refused, but one that is parked can always be taken up", async () => {
    const unknown = await own.ask("POST", "/tables/account/parking", { body: { reason: "x" } });
    const nothing = await own.ask("DELETE", "/tables/account/parking");

    expect(unknown).toMatchObject({ status: 404, body: { error: { code: "not-mapped" } } });
    expect(nothing).toMatchObject({ status: 200, body: { wasParked: false } });
  });

  it("keeps no address as a reason", async () => {
    expect(await own.ask("POST", "/tables/contact/parking", { body: { reason: "ask ada@example.com" } })).toMatchObject(
      { status: 400, body: { error: { problems: [{ path: "body.reason" }] } } },
    );
  });
});

/** Handles one message, as the holder of its lane. */
async function workOne(): Promise<ChangeOutcome> {
  const delivery = own.world.queue.receive(own.world.queue.readyLanes()[0] ?? "");
  if (!delivery) throw new Error("nothing to receive");
  const outcome = await handleChange(own.world.ports, parseEnvelope(delivery.body));
  own.world.queue.complete(delivery);
  return outcome;
}
