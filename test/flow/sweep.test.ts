import { beforeEach, describe, expect, it } from "vitest";
import { ConflictError } from "../../shared/errors.js";
import type { LoadPace } from "../../shared/flows/fill-lanes.js";
import { followChanges } from "../../shared/flows/follow-changes.js";
import { orderFullRead } from "../../shared/flows/full-read.js";
import { handleChange } from "../../shared/flows/handle-change.js";
import type { Notice } from "../../shared/flows/notice.js";
import { receiveNotice } from "../../shared/flows/receive-notice.js";
import { sweep } from "../../shared/flows/sweep.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import type { RecordId, RowVersion } from "../../shared/model/ids.js";
import type { Row } from "../../shared/model/row.js";
import { depthOf } from "../support/depth-of.js";
import { type IngressWorld, makeIngressWorld } from "../support/ingress-world.js";
import { anEnvelope, recordId } from "../support/samples.js";

const pace: LoadPace = { pageSize: 2, maxDepth: 50, lanes: 2, pollMs: 10, followMs: 1_000 };

let world: IngressWorld;
beforeEach(async () => {
  world = await makeIngressWorld();
});

const runSweep = (changes: Partial<LoadPace> = {}, forMs = 60_000) =>
  sweep(world.busyPorts(), { ...pace, ...changes }, world.clock.now() + forMs);
const put = (number: number, lastname: string) => world.dynamics.put(recordId(number), { lastname });
const names = () =>
  world
    .profiles()
    .map(({ lastName }) => lastName)
    .sort();

describe("the sweep, with no webhook at all", () => {
  it("loads what was there before it first ran, and brings every later change", async () => {
    for (const [index, name] of ["Abendrot", "Birkholz", "Castellmar"].entries()) put(index, name);
    await runSweep();
    await world.drain();
    const loaded = names();

    put(0, "Neuhaus");
    put(3, "Dornfeld");
    world.dynamics.remove(recordId(1));
    await runSweep();
    await world.drain();

    expect(loaded).toEqual(["Abendrot", "Birkholz", "Castellmar"]);
    expect(names()).toEqual(["Castellmar", "Dornfeld", "Neuhaus"]);
  });

  it("brings changes made while the first load runs, of rows already read and of rows still to be read", async () => {
    for (const number of [1, 2, 3, 4, 5, 6]) put(number, "Before");
    // A deadline in the past: one page is loaded, then the run makes way.
    await runSweep({}, 0);
    put(1, "After");
    put(6, "After");
    put(7, "After");
    world.dynamics.remove(recordId(2));

    await runSweep();
    await world.drain();

    expect(names()).toEqual(["After", "After", "After", "Before", "Before", "Before"]);
  });

  it("goes on with a load where it stopped, and does not load again what is loaded", async () => {
    for (const number of [1, 2, 3, 4, 5]) put(number, "Abendrot");
    const first = await runSweep({}, 0);
    const second = await runSweep();
    const third = await runSweep();

    expect([first.loaded, second.loaded, third.loaded]).toEqual([2, 3, 0]);
    expect(third.loadsDone).toBe(true);
  });

  it("waits with loading while the queue is full, and follows changes meanwhile", async () => {
    for (const number of [1, 2, 3, 4, 5]) put(number, "Abendrot");

    // Nobody works in the lanes.
    const result = await sweep(world.ports, pace, world.clock.now() + 5_000);

    expect(result).toMatchObject({ loadsDone: false });
    expect(await depthOf(world.queue, 100)).toBeLessThan(5);
    expect(world.clock.slept.length).toBeGreaterThan(10);
  });

  it("reads everything again after the tracking link expired, and calls Campaign only for what changed", async () => {
    for (const number of [1, 2, 3]) put(number, "Abendrot");
    await runSweep();
    await world.drain();
    const before = world.campaignCalls();
    put(2, "Neuhaus");
    world.dynamics.expireLinks();

    const result = await runSweep();
    await world.drain();

    expect(result.loaded).toBe(3);
    expect(names()).toEqual(["Abendrot", "Abendrot", "Neuhaus"]);
    expect(world.campaignCalls() - before).toBe(1);
  });

  it("queues nothing for changes that a webhook has brought already", async () => {
    put(1, "Abendrot");
    await runSweep();
    await world.drain();
    put(1, "Neuhaus");
    await receiveNotice(world.ports, noticeOf(recordId(1), "Update"));
    await world.drain();

    const changes = await followOnce();

    expect(names()).toEqual(["Neuhaus"]);
    expect(changes).toBe(0);
  });

  it("stops when another run owns the stream, instead of moving its checkpoint back", async () => {
    put(1, "Abendrot");
    await runSweep();
    const stale = await world.ports.checkpoints.read("ingress", "contact-delta");
    put(2, "Birkholz");
    const ports = { ...world.ports, checkpoints: { ...world.ports.checkpoints, read: async () => stale } };
    await followOnce();

    const mapping = world.mapping("contact");
    await expect(followChanges(ports, mapping)).rejects.toThrow(ConflictError);
  });
});

describe("webhooks that come twice and in any order", () => {
  it("end in the same profiles as the sweep alone, and write no profile twice with the same content", async () => {
    const notices: Notice[] = [];
    const order = shuffler(7);
    for (let round = 0; round < 4; round += 1) {
      for (let number = 1; number <= 6; number += 1) {
        put(number, `Name${"abcd"[round]}`);
        notices.push(noticeOf(recordId(number), "Update"), noticeOf(recordId(number), "Update"));
      }
    }
    world.dynamics.remove(recordId(6));
    notices.push(noticeOf(recordId(6), "Delete"), noticeOf(recordId(6), "Delete"));

    for (const notice of order(notices)) await receiveNotice(world.ports, notice);
    await world.drain();

    expect(names()).toEqual(["Named", "Named", "Named", "Named", "Named"]);
    for (let number = 1; number <= 5; number += 1) {
      const hashes = world.writes(recordId(number)).map(({ sha256 }) => sha256);
      expect(new Set(hashes).size).toBe(hashes.length);
    }
  });

  it("drops the echo of our own write, and refuses another organisation's notice", async () => {
    put(1, "Abendrot");

    const echo = await receiveNotice(world.ports, { ...noticeOf(recordId(1), "Update"), tags: ["acs-sync"] });
    const foreign = receiveNotice(world.ports, { ...noticeOf(recordId(1), "Update"), organizationId: "other" });

    expect(echo).toEqual({ outcome: "ignored", reason: "own-echo" });
    await expect(foreign).rejects.toMatchObject({ kind: "unauthenticated" });
    expect(await depthOf(world.queue, 10)).toBe(0);
  });
});

describe("a notice with a version that Dynamics never gave", () => {
  beforeEach(async () => {
    put(1, "Abendrot");
    await runSweep();
    await world.drain();
    world.clock.advance(5_000);
    await receiveNotice(world.ports, forged(recordId(1), { lastname: "Gefaelscht" }));
    await world.drain();
    world.clock.advance(5_000);
  });

  it("keeps later changes away no longer than until the sweep finds the next one", async () => {
    const believed = names();
    put(1, "Neuhaus");
    await receiveNotice(world.ports, noticeOf(recordId(1), "Update"));
    await world.drain();
    const taken = names();

    await runSweep();
    await world.drain();
    const mended = names();
    world.clock.advance(5_000);
    put(1, "Castellmar");
    await receiveNotice(world.ports, noticeOf(recordId(1), "Update"));
    await world.drain();

    expect([believed, taken, mended, names()]).toEqual([["Gefaelscht"], ["Gefaelscht"], ["Neuhaus"], ["Castellmar"]]);
  });

  it.each(["changed", "verify", "force"] as const)(
    "does not keep a replay from writing what Dynamics has: %s",
    async (mode) => {
      await orderFullRead(world.ports, "contact", mode, "operator");

      await runSweep();
      await world.drain();

      expect(names()).toEqual(["Abendrot"]);
    },
  );

  it("is named in the log, with both versions, when a row proves it wrong", async () => {
    put(1, "Neuhaus");
    const now = world.dynamics.rows().get(recordId(1));
    const { version: _version, ...bare } = anEnvelope({ id: recordId(1) });

    const outcome = await handleChange(world.ports, { ...bare, cause: "sweep" });

    expect(outcome).toMatchObject({ outcome: "updated" });
    expect("warnings" in outcome && outcome.warnings.join()).toContain(
      `the row has version ${now?.version}, but ${versionFromNowhere} was on file`,
    );
  });
});

const versionFromNowhere = "999999999999" as RowVersion;

/** A notice that somebody else than Dynamics made. */
function forged(id: RecordId, row: Row): Notice {
  const notice = noticeOf(id, "Update");
  const image = (mapping: CompiledMapping) => ({
    version: versionFromNowhere,
    row: Object.fromEntries(mapping.cells.map((column) => [column, row[column] ?? null])),
  });
  return { ...notice, records: notice.records.map((record) => ({ ...record, image })) };
}

let requests = 0;
/** A notice about the row as it is now, with its image as long as there is a row. */
function noticeOf(id: RecordId, message: string): Notice {
  requests += 1;
  const now = world.dynamics.rows().get(id);
  return {
    organizationId: "org",
    message,
    records: [
      {
        table: "contact",
        id,
        deleted: message === "Delete",
        image: (mapping) =>
          now && {
            version: now.version,
            row: Object.fromEntries(mapping.cells.map((column) => [column, now.row[column] ?? null])),
          },
      },
    ],
    truncated: false,
    occurredAt: new Date(world.clock.now()).toISOString(),
    correlationId: `correlation-${requests}`,
    requestId: `request-${requests}`,
    operationId: `operation-${requests}`,
    tags: [],
  };
}

async function followOnce(): Promise<number> {
  const mapping = world.mapping("contact");
  return followChanges(world.ports, mapping);
}

function shuffler(seed: number): <T>(items: readonly T[]) => T[] {
  let state = seed;
  const draw = (): number => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  return (items) =>
    items
      .map((item) => ({ item, at: draw() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
}
