import { describe, expect, it } from "vitest";
import { AuthError, ConflictError, ThrottledError, UnavailableError } from "../../../shared/errors.js";
import type { EntityTable } from "../../../shared/storage/entity-table.js";
import { type GateStore, makeGates } from "../../../shared/storage/gates.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { type FixedClock, fixedClock } from "../../support/fixed-clock.js";
import { timerClock } from "../../support/timer-clock.js";

const start = "2026-03-01T00:00:00.000Z";
const startMs = Date.parse(start);
const leaseMs = { campaign: 60_000, dynamics: 90_000 };
const outage = new UnavailableError("campaign is not available for update profile: status 503", false);

async function workflowsTable(): Promise<EntityTable> {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["workflows"]);
  return tables.table("workflows");
}

/** Two processes that share a table; `calls` counts the table calls of the first. */
async function twoProcesses() {
  const table = await workflowsTable();
  const clock = fixedClock(start);
  const calls = { count: 0 };
  let id = 0;
  const process = (entities: EntityTable): GateStore =>
    makeGates({ entities, clock, newId: () => `probe-${++id}`, leaseMs });
  return { table, clock, calls, one: process(counting(table, calls)), other: process(table), process };
}

function counting(table: EntityTable, calls: { count: number }): EntityTable {
  const counted =
    <Args extends unknown[], Result>(call: (...args: Args) => Result) =>
    (...args: Args): Result => {
      calls.count += 1;
      return call(...args);
    };
  return {
    ...table,
    get: counted(table.get),
    insert: counted(table.insert),
    replace: counted(table.replace),
  };
}

/** Campaign's gate closed by `process`; the other process has seen nothing of it yet. */
async function closed(process: GateStore, error: unknown = outage): Promise<void> {
  await process.admit(false);
  await process.trouble("campaign", error);
}

/** Somebody who waits as told until let through; answers how long it took. */
async function patience(process: GateStore, clock: FixedClock, urgent = false): Promise<number> {
  const began = clock.now();
  for (let asked = 0; asked < 1_000; asked += 1) {
    const held = await process.admit(urgent);
    if (!held) return clock.now() - began;
    await clock.sleep(Math.max(1, held.until - clock.now()));
  }
  throw new Error("the gate stays closed for ever");
}

describe("an open gate", () => {
  it("lets everybody through at one read of each row a second, however many ask", async () => {
    const { one, calls, clock } = await twoProcesses();

    await Promise.all(Array.from({ length: 50 }, () => one.admit(false)));
    clock.advance(999);
    await one.admit(true);

    expect(calls.count).toBe(2);
    clock.advance(1);
    await one.admit(false);
    expect(calls.count).toBe(4);
  });

  it("costs nothing to be told that a peer works", async () => {
    const { one, calls } = await twoProcesses();
    await one.admit(false);

    await one.fine("campaign");
    await one.fine("dynamics");

    expect(calls.count).toBe(2);
  });

  it("is told from one that cannot be read", async () => {
    const { clock } = await twoProcesses();
    const noTables = makeMemoryEntityTables();
    const blind = makeGates({ entities: noTables.table("workflows"), clock, newId: () => "p", leaseMs });

    await expect(blind.admit(false)).rejects.toMatchObject({ kind: "unavailable" });
  });
});

describe("a gate after trouble", () => {
  it("holds everybody in the process at once, and in every other one a second later", async () => {
    const { one, other, clock } = await twoProcesses();
    await other.admit(false);
    await closed(one, new ThrottledError("campaign answered 429", 30_000));

    const held = { peer: "campaign", reason: "campaign answered 429" };
    expect(await one.admit(false)).toMatchObject(held);
    clock.advance(1_000);
    expect(await other.admit(false)).toMatchObject({ ...held, until: startMs + 30_500 });
  });

  it.each([
    ["throttled", new ThrottledError("campaign answered 429", 30_000), 30_000],
    ["outage", outage, 2_000],
    ["auth", new AuthError("Campaign's gateway refuses us (401)"), 2_000],
  ])("names %s as its kind, and its pause", async (kind, error, pauseMs) => {
    const { one, other } = await twoProcesses();

    await closed(one, error);

    expect(await other.list()).toEqual([
      {
        peer: "campaign",
        state: "closed",
        kind,
        reason: error.message,
        since: start,
        until: new Date(startMs + pauseMs).toISOString(),
      },
      { peer: "dynamics", state: "open" },
    ]);
  });

  it("does not grow its pause for all the calls that fail together", async () => {
    const { one, other } = await twoProcesses();
    await closed(one);

    for (let failed = 0; failed < 10; failed += 1) await (failed % 2 ? one : other).trouble("campaign", outage);

    expect(await one.admit(true)).toMatchObject({ until: startMs + 2_000 });
  });

  it("grows its pause with every probe that fails, from 2 s to 5 min", async () => {
    const { one, clock } = await twoProcesses();
    await closed(one);

    const pauses: number[] = [];
    for (let probe = 0; probe < 10; probe += 1) {
      pauses.push(await patience(one, clock, true));
      await one.trouble("campaign", outage);
    }

    expect(pauses).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1_000));
  });

  it("waits as long as the peer asks, whatever the back-off says", async () => {
    const { one, clock } = await twoProcesses();
    await closed(one);
    await patience(one, clock, true);

    await one.trouble("campaign", new ThrottledError("campaign answered 429", 1_000));

    expect(await patience(one, clock, true)).toBe(1_000);
  });

  it("opens for both processes when the probe works, and begins anew with the shortest pause", async () => {
    const { one, other, clock } = await twoProcesses();
    await closed(one);
    await patience(other, clock, true);
    await other.fine("campaign");
    clock.advance(1_000);

    expect(await one.admit(false)).toBeUndefined();
    await one.trouble("campaign", outage);

    expect(await one.admit(true)).toMatchObject({ until: clock.now() + 2_000 });
  });

  it("opens at any call that works, but within a pause the peer asked for only at the probe's", async () => {
    const { one, other, clock } = await twoProcesses();
    await closed(one);
    await one.fine("campaign");
    expect(await one.admit(false)).toBeUndefined();
    await one.trouble("campaign", new ThrottledError("campaign answered 429", 5_000));

    await one.fine("campaign");

    expect(await one.admit(true)).toMatchObject({ until: startMs + 5_000 });
    clock.advance(5_000);
    expect(await other.admit(true)).toBeUndefined();
    await other.fine("campaign");
    clock.advance(1_000);
    expect(await one.admit(false)).toBeUndefined();
  });

  it("is not closed again by the late failure of a call that began before the successful probe", async () => {
    const { one, other, clock } = await twoProcesses();
    const late = new UnavailableError("campaign is not available: ETIMEDOUT", true, { began: startMs - 1_000 });
    await closed(one);
    await patience(other, clock, true);
    await other.fine("campaign");
    clock.advance(1_000);

    await one.trouble("campaign", late);

    expect(await one.admit(false)).toBeUndefined();
  });

  it("does not take the late failure of an old call for the failure of the probe", async () => {
    const { one, clock } = await twoProcesses();
    const late = new UnavailableError("campaign is not available: ETIMEDOUT", true, { began: startMs - 1_000 });
    await closed(one);
    await patience(one, clock, true);

    await one.trouble("campaign", late);

    expect(await one.list()).toMatchObject([{ state: "probing" }, { state: "open" }]);
  });

  it("waits for Dynamics though Campaign works, and names it", async () => {
    const { one } = await twoProcesses();
    await one.admit(false);

    await one.trouble("dynamics", outage);

    expect(await one.admit(false)).toMatchObject({ peer: "dynamics" });
  });
});

describe("the probe", () => {
  it("goes to one of all who ask in both processes after the pause", async () => {
    const { one, other, clock } = await twoProcesses();
    await closed(one);
    clock.advance(2_500);

    const asked = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? one : other).admit(n % 4 > 1)));

    expect(asked.filter((held) => held === undefined)).toHaveLength(1);
    expect(await one.list()).toMatchObject([{ state: "probing" }, {}]);
  });

  it("goes to an urgent caller half a second before ordinary ones", async () => {
    const { one, clock } = await twoProcesses();
    await closed(one);
    clock.advance(2_000);

    expect(await one.admit(false)).toMatchObject({ until: startMs + 2_500 });
    expect(await one.admit(true)).toBeUndefined();
    clock.advance(500);
    expect(await one.admit(false)).toMatchObject({ until: startMs + 3_500 });
  });

  it("goes to somebody else when its holder says nothing until the lease ends", async () => {
    const { one, other, clock } = await twoProcesses();
    await closed(one);
    await patience(one, clock, true);
    one.sent("campaign");
    clock.advance(leaseMs.campaign - 1_000);

    expect(await one.admit(false)).toMatchObject({ peer: "campaign" });
    expect(await other.admit(false)).toMatchObject({ peer: "campaign" });

    clock.advance(1_000);
    expect(await other.admit(false)).toBeUndefined();
  });

  it("goes to the next one in its process when the work it was given to sent nothing", async () => {
    const { one, clock } = await twoProcesses();
    await closed(one);
    await patience(one, clock, true);

    expect(await patience(one, clock)).toBeLessThanOrEqual(6_000);
  });

  it("is taken for both peers or for none", async () => {
    const { one, other, clock } = await twoProcesses();
    await closed(one);
    await one.trouble("dynamics", new ThrottledError("dynamics answered 429", 10_000));
    clock.advance(3_000);

    expect(await other.admit(true)).toMatchObject({ peer: "dynamics", until: startMs + 10_000 });

    expect(await other.list()).toMatchObject([{ state: "closed" }, { state: "closed" }]);
    clock.advance(7_000);
    expect(await other.admit(true)).toBeUndefined();
    expect(await other.list()).toMatchObject([{ state: "probing" }, { state: "probing" }]);
  });

  it("is given back when somebody else gets the other peer's at the same moment", async () => {
    const { table, one, clock, process } = await twoProcesses();
    await closed(one);
    await one.trouble("dynamics", outage);
    clock.advance(2_000);
    const beaten = process({
      ...table,
      async replace(partition, row, values, etag) {
        if (row === "gate-dynamics") throw new ConflictError("somebody else was faster");
        return table.replace(partition, row, values, etag);
      },
    });

    expect(await beaten.admit(true)).toMatchObject({ reason: outage.message });

    expect(await process(table).list()).toMatchObject([{ state: "closed" }, { state: "closed" }]);
  });

  it("is never two at once while many in three processes work against a peer that comes and goes", async () => {
    const table = await workflowsTable();
    const clock = timerClock(start);
    const slow: EntityTable = {
      ...table,
      get: (...key) => clock.sleep(5).then(() => table.get(...key)),
      insert: (...entity) => clock.sleep(5).then(() => table.insert(...entity)),
      replace: (...entity) => clock.sleep(5).then(() => table.replace(...entity)),
    };
    let [ids, probes, probing, most, worked] = [0, 0, 0, 0, 0];
    const isAway = (): boolean => Math.floor((clock.now() - startMs) / 20_000) % 2 === 1;
    const lane = async (gates: GateStore, n: number): Promise<void> => {
      while (clock.now() < startMs + 200_000) {
        const held = await gates.admit(n === 0);
        if (held) {
          await clock.sleep(Math.max(1, held.until - clock.now()));
          continue;
        }
        const began = clock.now();
        const [{ state } = { state: "open" }] = await gates.list();
        const isProbe = state === "probing";
        probes += isProbe ? 1 : 0;
        probing += isProbe ? 1 : 0;
        most = Math.max(most, probing);
        gates.sent("campaign");
        await clock.sleep(300);
        const fails = isAway();
        probing -= isProbe ? 1 : 0;
        if (fails) await gates.trouble("campaign", new UnavailableError("away", true, { began }));
        else {
          worked += 1;
          await gates.fine("campaign");
        }
      }
    };

    const processes = [1, 2, 3].map(() => makeGates({ entities: slow, clock, newId: () => `probe-${++ids}`, leaseMs }));
    await clock.run(Promise.all(processes.flatMap((gates) => [0, 1, 2, 3].map((n) => lane(gates, n)))));

    expect(most).toBe(1);
    expect(probes).toBeGreaterThan(10);
    expect(worked).toBeGreaterThan(1_000);
  });
});

describe("a process killed at a table call", () => {
  class Killed extends Error {}

  /** The table, failing with Killed before or after carrying out its n-th call. */
  function dying(table: EntityTable, n: number, when: "before" | "after"): EntityTable {
    let calls = 0;
    const wrap =
      <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        calls += 1;
        if (calls > n || (calls === n && when === "before")) throw new Killed();
        const result = await call(...args);
        if (calls === n) throw new Killed();
        return result;
      };
    return { ...table, get: wrap(table.get), insert: wrap(table.insert), replace: wrap(table.replace) };
  }

  it.each(["before", "after"] as const)("%s it was carried out leaves no gate closed for ever", async (when) => {
    for (let n = 1; n <= 16; n += 1) {
      const { table, clock, other, process } = await twoProcesses();
      const doomed = process(dying(table, n, when));
      const life = async (): Promise<void> => {
        await closed(doomed);
        await patience(doomed, clock, true);
        await doomed.trouble("campaign", outage);
        await patience(doomed, clock, true);
        await doomed.fine("campaign");
      };
      await life().catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
      });

      const took = await patience(other, clock);
      await other.fine("campaign");
      clock.advance(1_000);

      expect(took).toBeLessThan(leaseMs.campaign + 6_000);
      expect(await other.list()).toMatchObject([{ state: "open" }, { state: "open" }]);
    }
  });

  it("is not what a table that is away amounts to: trouble and success are reported without an error", async () => {
    const { table, clock } = await twoProcesses();
    let isAway = false;
    const gates = makeGates({
      entities: {
        ...table,
        async get(...key) {
          if (isAway) throw new UnavailableError("table workflows: no answer", false);
          return table.get(...key);
        },
      },
      clock,
      newId: () => "probe",
      leaseMs,
    });
    await closed(gates);
    isAway = true;

    await gates.trouble("campaign", outage);
    await gates.fine("campaign");

    isAway = false;
    await gates.fine("campaign");
    expect(await gates.admit(false)).toBeUndefined();
  });
});

describe("a damaged gate row", () => {
  it("keeps nobody out, nor does one with a time that only a wrong clock can have written", async () => {
    const { table, one } = await twoProcesses();
    await table.insert("workflow", "gate-campaign", { state: "closed", until: "soon", probeBy: "x", probeUntil: 7 });
    await table.insert("workflow", "gate-dynamics", { state: "closed", until: "2999-01-01T00:00:00.000Z" });

    expect(await one.admit(true)).toBeUndefined();
    expect(await one.list()).toMatchObject([{ state: "probing" }, { state: "probing" }]);
  });
});
