import { beforeEach, describe, expect, it } from "vitest";
import { ConflictError } from "../../shared/errors.js";
import { fullReadStream, isReading, orderReplay } from "../../shared/flows/full-read.js";
import { verifyStep } from "../../shared/flows/verify-campaign.js";
import type { VerifySample } from "../../shared/flows/verify-findings.js";
import type { Envelope } from "../../shared/model/envelope.js";
import type { RecordId } from "../../shared/model/ids.js";
import { bucketOf } from "../../shared/model/lane.js";
import type { Row } from "../../shared/model/row.js";
import { type IngressWorld, Killed, makeIngressWorld, type Profile } from "../support/ingress-world.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { anEnvelope, recordId } from "../support/samples.js";

const pageSize = 2;
let world: IngressWorld;

beforeEach(async () => {
  world = await makeIngressWorld();
});

type Values = Readonly<Record<string, string | number | boolean>>;

function person(number: number): Row {
  return { lastname: `Birkholz${"abcdefgh"[number]}`, emailaddress1: `contact.${number}@example.com` };
}

/** Contacts 1 to `count` in Dynamics and, by our hand, in Campaign. */
async function load(count: number): Promise<void> {
  for (let number = 1; number <= count; number += 1) world.dynamics.put(recordId(number), person(number));
  await bring(Array.from({ length: count }, (_, index) => recordId(index + 1)));
  world.clock.advance(60_000);
}

async function bring(ids: readonly RecordId[]): Promise<void> {
  const { version: _version, ...bare } = anEnvelope();
  await world.queue.send(ids.map((id) => ({ ...bare, id, nonce: `load-${id}` })));
  await world.drain();
}

/** One step as the sweep makes it; a process that dies over it comes back and goes on from the checkpoint. */
async function step(table = "contact"): Promise<boolean> {
  const { ports } = world;
  try {
    const checkpoint = await ports.checkpoints.read("ingress", fullReadStream(table));
    if (!checkpoint || !isReading(checkpoint)) return false;
    const values = await verifyStep(ports, world.mapping(table), checkpoint.values, pageSize);
    await ports.checkpoints.save("ingress", fullReadStream(table), values, checkpoint.etag);
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    world.restart();
  }
  return true;
}

async function run(mode: "verify" | "report"): Promise<Values> {
  await orderReplay(world.ports, "contact", mode);
  for (let steps = 0; await step(); steps += 1) if (steps > 1_000) throw new Error("it never ends");
  return (await world.ports.checkpoints.read("ingress", fullReadStream("contact")))?.values ?? {};
}

const edit = (number: number, values: Profile) =>
  world.campaignCommand("edit", { resource: "profile", key: recordId(number), values });
const lose = (number: number) => world.campaignCommand("remove", { resource: "profile", key: recordId(number) });
const add = (record: Profile) => world.campaignCommand("seed", { resource: "profile", records: [record] });
const samples = (values: Values) => JSON.parse(String(values.samples)) as VerifySample[];
const names = () => world.profiles().map(({ lastName }) => lastName);

/** Everything that can be wrong at once: 2 changed, 3 lost, 4 an orphan, 6 and 7 somebody else's. */
async function disturb(): Promise<void> {
  await load(5);
  edit(2, { lastName: "Fremd", email: "other@example.com" });
  lose(3);
  world.dynamics.remove(recordId(4));
  add({ externalId: recordId(6), lastName: "Foreign" });
  add({ externalId: "CRM-7", lastName: "Foreign" });
  add({ lastName: "Keyless" });
}

const disturbed = {
  phase: "done",
  count: 7,
  compared: 3,
  equal: 2,
  altered: 0,
  different: 1,
  underway: 0,
  missing: 1,
  extra: 1,
  left: 0,
  waiting: 0,
  refused: 0,
  foreign: 2,
  withoutKey: 1,
};

describe("verifying what Campaign holds", () => {
  it("queues nothing and counts everything equal when both systems agree, for one call a page", async () => {
    await load(5);
    const before = world.campaignCalls();

    const values = await run("verify");

    expect(values).toMatchObject({ phase: "done", compared: 5, equal: 5, different: 0, queued: 0, samples: "[]" });
    expect(world.campaignCalls() - before).toBe(3);
    expect(world.queue.nextDueAt()).toBeUndefined();
  });

  it("puts right what was changed, lost or left over, and touches nothing that is not ours", async () => {
    await disturb();

    const values = await run("verify");
    await world.drain();

    expect(values).toMatchObject({ ...disturbed, queued: 3 });
    expect(names().sort()).toEqual([
      "Birkholzb",
      "Birkholzc",
      "Birkholzd",
      "Birkholzf",
      "Foreign",
      "Foreign",
      "Keyless",
    ]);
    expect(world.writes(recordId(6))).toEqual([]);
  });

  it("only counts and names in a report: fields, never values", async () => {
    await disturb();
    const before = world.profiles();

    const values = await run("report");

    expect(values).toMatchObject({ ...disturbed, queued: 0 });
    expect(Object.keys(values)).not.toEqual(expect.arrayContaining(["cursor"]));
    expect(world.queue.readyLanes()).toEqual([]);
    expect(world.profiles()).toEqual(before);
    expect(samples(values)).toEqual([
      { id: recordId(2), found: "different", fields: ["lastName", "email"] },
      { id: recordId(4), found: "extra", fields: [] },
      { id: recordId(3), found: "missing", fields: [] },
    ]);
    expect(String(values.samples)).not.toMatch(/Fremd|Birkholz|@/);
  });

  it("finds both systems equal when it is repeated after what it queued was done", async () => {
    await disturb();
    await run("verify");
    await world.drain();
    world.clock.advance(60_000);

    const again = await run("verify");

    expect(again).toMatchObject({ generation: 2, compared: 4, equal: 4, missing: 0, extra: 0, foreign: 2, queued: 0 });
  });

  it("reads a big table to its end", async () => {
    await load(5);
    world.campaignCommand("settings", { bigTableThreshold: 2 });
    edit(5, { lastName: "Fremd" });

    const values = await run("verify");

    expect(values).toMatchObject({ compared: 5, different: 1, missing: 0 });
  });

  it("compares also what the pages skipped because records were deleted between two of them", async () => {
    world.campaignCommand("settings", { paging: "offset" });
    await load(5);
    edit(3, { lastName: "Fremd" });
    await orderReplay(world.ports, "contact", "verify");
    await step();

    lose(1);
    world.dynamics.remove(recordId(1));
    while (await step());

    const values = (await world.ports.checkpoints.read("ingress", fullReadStream("contact")))?.values;
    expect(values).toMatchObject({ compared: 5, different: 1, missing: 0, extra: 0, queued: 1 });
  });

  it("takes what Campaign's data policy made of a name for equal, says so, and does not write it again and again", async () => {
    world.dynamics.put(recordId(1), { lastname: "van der lee" });
    await bring([recordId(1)]);
    world.clock.advance(60_000);

    const values = await run("verify");

    expect(values).toMatchObject({ compared: 1, equal: 0, altered: 1, different: 0, queued: 0 });
    expect(names()).toEqual(["Van Der Lee"]);
  });

  it("says which differences have a change on its way", async () => {
    await load(3);
    world.dynamics.put(recordId(1), { ...person(1), lastname: "Neuhaus" });
    edit(2, { lastName: "Fremd" });

    const values = await run("report");

    expect(values).toMatchObject({ different: 2, underway: 1 });
  });

  it("asks once more before it takes a record that was not on the pages for lost, and tidies up what neither side has", async () => {
    await load(3);
    lose(1);
    lose(2);
    world.dynamics.remove(recordId(2));

    const values = await run("verify");
    await world.drain();

    expect(values).toMatchObject({ missing: 1, queued: 2 });
    expect((await world.ports.states.read("contact", recordId(2)))?.state).toMatchObject({ present: false });
    expect(names().sort()).toEqual(["Birkholzb", "Birkholzd"]);
  });

  it("finds every lost record once, however many of them share a bucket", async () => {
    const ids = Array.from({ length: 3_000 }, (_, number) => recordId(number)).filter(
      (id) => bucketOf("contact", id) === 255,
    );
    for (const id of ids) world.dynamics.put(id, { lastname: "Lee" });
    await bring(ids);
    for (const id of ids) world.campaignCommand("remove", { resource: "profile", key: id });
    const before = world.campaignCalls();

    const values = await run("report");

    expect(ids.length).toBeGreaterThan(2 * pageSize);
    expect(values).toMatchObject({ phase: "done", missing: ids.length, compared: 0 });
    // One page, which is empty, and one call for each.
    expect(world.campaignCalls() - before).toBe(1 + ids.length);
  });

  it("counts a key in another spelling than ours as foreign, and does not take it for the record that we lost", async () => {
    const id = "abcdef00-0000-4000-8000-000000000001" as RecordId;
    world.dynamics.put(id, person(1));
    await bring([id]);
    world.campaignCommand("remove", { resource: "profile", key: id });
    add({ externalId: id.toUpperCase(), lastName: "Foreign" });

    const values = await run("verify");
    await world.drain();

    expect(values).toMatchObject({ foreign: 1, compared: 0, missing: 1, queued: 1 });
    expect(names().sort()).toEqual(["Birkholzb", "Foreign"]);
  });

  it("queues forced replays: with the row read where there is one, a delete where there is none", async () => {
    await disturb();
    const sent: Envelope[] = [];
    const { queue } = world.ports;
    world.ports.queue = {
      depths: queue.depths,
      sendBundles: queue.sendBundles,
      schedule: queue.schedule,
      send: async (envelopes) => {
        sent.push(...envelopes);
        return queue.send(envelopes);
      },
    };

    await run("verify");

    const brief = sent.map(({ id, kind, cause, force, row, nonce }) => [id, kind, cause, force, row?.lastname, nonce]);
    expect(brief).toEqual([
      [recordId(2), "upsert", "replay", true, "Birkholzc", "verify-1"],
      [recordId(4), "delete", "replay", true, undefined, "verify-1"],
      [recordId(3), "upsert", "replay", true, "Birkholzd", "verify-1"],
    ]);
  });

  it("never changes a record whose sync state says that it is not ours, even if its row is gone", async () => {
    add({ externalId: recordId(1), lastName: "Foreign" });
    await world.ports.states.save(
      "contact",
      recordId(1),
      { settings: 1, epoch: 1, present: false, tombstone: "2026-01-01T00:00:00Z" },
      undefined,
    );

    const values = await run("verify");

    expect(values).toMatchObject({ foreign: 1, extra: 0, queued: 0 });
  });

  it("keeps at most 50 samples, however much is wrong", async () => {
    const count = 60;
    for (let number = 1; number <= count; number += 1) world.dynamics.put(recordId(number), { lastname: "Lee" });
    await bring(Array.from({ length: count }, (_, index) => recordId(index + 1)));
    for (let number = 1; number <= count; number += 1) edit(number, { lastName: "Fremd" });

    const values = await run("report");

    expect(values).toMatchObject({ different: 60 });
    expect(samples(values)).toHaveLength(50);
  });

  it("leaves a record whose state somebody else saves at that moment, and looks at it in the end, once", async () => {
    await load(1);
    const { save } = world.ports.states;
    let refusals = 2;
    world.ports.states = {
      ...world.ports.states,
      read: world.ports.states.read,
      list: world.ports.states.list,
      async save(table, id, state, etag) {
        if (state.verified !== undefined && refusals > 0) {
          refusals -= 1;
          throw new ConflictError("stale");
        }
        return save(table, id, state, etag);
      },
    };

    const values = await run("verify");

    expect(values).toMatchObject({ phase: "done", count: 2, equal: 1, different: 0, missing: 0, queued: 0 });
    expect(refusals).toBe(0);
  });
});

describe("what a mapping keeps, withholds or cannot map", () => {
  const filtered = (whenFilteredOut: string, changes: Record<string, unknown> = {}) =>
    compiled(
      aMappingDocument([aField({ maxLength: 6, misfit: "fail" })], {
        filters: { join: "and", conditions: [{ column: "firstname", comparison: "equals", value: "in" }] },
        whenFilteredOut,
        ...changes,
      }),
    );

  async function start(mapping: ReturnType<typeof compiled>): Promise<void> {
    world = await makeIngressWorld({ mapping });
    for (const number of [1, 2]) world.dynamics.put(recordId(number), { lastname: "Lee", firstname: "in" });
    await bring([recordId(1), recordId(2)]);
    world.clock.advance(60_000);
  }

  it("has a record that a filter keeps out deleted where the mapping says so", async () => {
    await start(filtered("delete"));
    world.dynamics.put(recordId(1), { lastname: "Lee", firstname: "out" });

    const values = await run("verify");
    await world.drain();

    expect(values).toMatchObject({ extra: 1, left: 0, equal: 1 });
    expect(world.profiles()).toHaveLength(1);
  });

  it("leaves what the mapping leaves: filtered out, and deleted in Dynamics", async () => {
    await start(filtered("leave", { applyDeletes: false }));
    world.dynamics.put(recordId(1), { lastname: "Lee", firstname: "out" });
    world.dynamics.remove(recordId(2));

    const values = await run("verify");

    expect(values).toMatchObject({ extra: 0, left: 2, queued: 0 });
  });

  it("counts a row that cannot be mapped, names the field, and goes on with the others", async () => {
    await start(filtered("leave"));
    world.dynamics.put(recordId(1), { lastname: "far too long", firstname: "in" });
    edit(2, { lastName: "Fremd" });

    const values = await run("verify");

    expect(values).toMatchObject({ refused: 1, different: 1, queued: 1 });
    expect(samples(values)[0]).toEqual({ id: recordId(1), found: "refused", fields: ["lastName"] });
  });

  it("works with the key addressed by a filter", async () => {
    const address = { by: "filter", filter: "ExternalId", parameter: "externalId" };
    await start(filtered("leave", { key: { field: "externalId", address } }));
    lose(1);

    const values = await run("verify");
    await world.drain();

    expect(values).toMatchObject({ equal: 1, missing: 1 });
    expect(world.profiles()).toHaveLength(2);
  });
});

describe("a process killed while it verifies", () => {
  it("goes on where it was, at any call, and counts and mends the same", async () => {
    await disturb();
    world.killAt({ call: Number.POSITIVE_INFINITY, when: "before" });
    await run("verify");
    const calls = world.calls();

    for (let call = 1; call <= calls; call += 3) {
      for (const when of ["before", "after"] as const) {
        world = await makeIngressWorld();
        await disturb();
        await orderReplay(world.ports, "contact", "verify");
        world.killAt({ call, when });
        while (await step());
        world.restart();
        await world.drain();

        const values = (await world.ports.checkpoints.read("ingress", fullReadStream("contact")))?.values;
        expect(values, `call ${call}, killed ${when}`).toMatchObject({ ...disturbed, queued: 3 });
        expect(names().sort()).toEqual([
          "Birkholzb",
          "Birkholzc",
          "Birkholzd",
          "Birkholzf",
          "Foreign",
          "Foreign",
          "Keyless",
        ]);
      }
    }
    expect(calls).toBeGreaterThan(100);
  }, 60_000);
});
