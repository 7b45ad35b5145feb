import { beforeEach, describe, expect, it } from "vitest";
import { UnavailableError } from "../../../shared/errors.js";
import { parseRecordId, type RecordId } from "../../../shared/model/ids.js";
import { type ControlStore, makeControlStore } from "../../../shared/storage/control.js";
import type { EntityTable } from "../../../shared/storage/entity-table.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { type FixedClock, fixedClock } from "../../support/fixed-clock.js";

let clock: FixedClock;
let table: EntityTable;
let calls: string[];

/** A process's control over the shared table, noting every call it makes. */
function aProcess(parkAfter = 3, wrap: (table: EntityTable) => EntityTable = (one) => one): ControlStore {
  return makeControlStore(wrap(noting(table)), clock, parkAfter);
}

function noting(inner: EntityTable): EntityTable {
  const note = <Given extends unknown[], Answer>(name: string, method: (...given: Given) => Answer) => {
    return (...given: Given): Answer => {
      calls.push(name);
      return method(...given);
    };
  };
  return {
    get: note("get", inner.get),
    insert: note("insert", inner.insert),
    replace: note("replace", inner.replace),
    remove: note("remove", inner.remove),
    list: note("list", inner.list),
  };
}

let records = 0;
/** Ids that differ from the first digits on, as those of real rows do. */
const contactId = (n: number): RecordId => parseRecordId(`${String(n).padStart(8, "0")}-0000-4000-8000-000000000000`);

/** So many different records fail. */
async function failTimes(control: ControlStore, times: number, code = "CAM-1"): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    records += 1;
    await control.failed("contact", contactId(records), code, "campaign refused profile");
  }
}

beforeEach(async () => {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["workflows"]);
  table = tables.table("workflows");
  clock = fixedClock("2026-03-01T00:00:00.000Z");
  calls = [];
});

describe("what is wanted", () => {
  it("is to run while nobody has said anything", async () => {
    const control = await aProcess().current();

    expect(control).toEqual({ wanted: "running", drain: true, parked: new Map() });
  });

  it("is read once a second, however many ask at the same moment or soon after", async () => {
    const control = aProcess();

    await Promise.all([control.current(), control.current(), control.current()]);
    clock.advance(999);
    await control.current();
    const within = [...calls];
    clock.advance(1);
    await control.current();

    expect(within).toEqual(["list"]);
    expect(calls).toEqual(["list", "list"]);
  });

  it("is known to another process within a second of a stop, and to the process that stopped at once", async () => {
    const [one, other] = [aProcess(), aProcess()];
    await Promise.all([one.current(), other.current()]);
    clock.advance(200);

    await one.stop(false, "ada");
    const here = await one.current();
    const there = await other.current();
    clock.advance(800);
    const later = await other.current();

    expect(here).toMatchObject({ wanted: "stopped", drain: false });
    expect(there).toMatchObject({ wanted: "running" });
    expect(later).toMatchObject({ wanted: "stopped", drain: false });
  });

  it("counts its age from before the read, so that a slow read is not taken for fresh", async () => {
    const slow = (inner: EntityTable): EntityTable => ({
      ...inner,
      async *list(...which) {
        yield* inner.list(...which);
        clock.advance(1_500);
      },
    });
    const control = aProcess(3, slow);

    await control.current();
    await aProcess().stop(true, "ada");
    const next = await control.current();

    expect(next).toMatchObject({ wanted: "stopped" });
  });

  it("is known at once to the process that stopped, though it was just reading", async () => {
    let stopMeanwhile: (() => Promise<void>) | undefined;
    const slow = (inner: EntityTable): EntityTable => ({
      ...inner,
      async *list(...which) {
        const found = [];
        for await (const entity of inner.list(...which)) found.push(entity);
        await stopMeanwhile?.();
        yield* found;
      },
    });
    const control = aProcess(3, slow);
    stopMeanwhile = async () => {
      stopMeanwhile = undefined;
      await control.stop(false, "ada");
    };

    await control.current();

    expect(await control.current()).toMatchObject({ wanted: "stopped" });
  });

  it("is an error, not what was known before, when it cannot be read any more", async () => {
    let away = false;
    const failing = (inner: EntityTable): EntityTable => ({
      ...inner,
      async *list(...which) {
        if (away) throw new UnavailableError("tables are away", false);
        yield* inner.list(...which);
      },
    });
    const control = aProcess(3, failing);
    await control.current();
    away = true;
    clock.advance(1_000);

    await expect(control.current()).rejects.toMatchObject({ kind: "unavailable" });
    away = false;

    expect(await control.current()).toMatchObject({ wanted: "running" });
  });

  it("keeps when and by whom it was stopped when it is stopped again, and counts anew when draining becomes holding", async () => {
    const control = aProcess();
    await control.stop(true, "ada");
    clock.advance(5_000);

    await control.stop(true, "bob");
    const again = await control.read();
    await control.stop(false, "bob");
    const held = await control.read();

    expect(again).toMatchObject({ since: "2026-03-01T00:00:00.000Z", by: "ada", drain: true });
    expect(held).toMatchObject({ since: "2026-03-01T00:00:05.000Z", by: "bob", drain: false });
  });

  it("ends a drain only while it drains, so that a start in between is not undone", async () => {
    const control = aProcess();
    await control.stop(true, "ada");
    await control.start("bob");

    await control.endDrain();

    expect(await control.read()).toMatchObject({ wanted: "running", by: "bob" });
  });

  it("stops one workflow and no other, for another process within a second", async () => {
    const [one, other] = [aProcess(), aProcess()];
    await other.isWanted("egress");
    await one.stop(false, "ada", "egress");
    const own = await one.isWanted("egress");
    clock.advance(1_000);

    const [egress, ingress] = [await other.isWanted("egress"), await other.isWanted("ingress")];

    expect([own, egress, ingress]).toEqual([false, false, true]);
    expect(await other.read()).toMatchObject({
      wanted: "running",
      workflows: { egress: { wanted: "stopped", by: "ada" }, ingress: { wanted: "running" } },
    });
  });
});

describe("equal errors in a row", () => {
  it("park the mapping at the n-th and not before", async () => {
    const control = aProcess(3);

    await failTimes(control, 2);
    const before = (await control.read()).parked.size;
    await failTimes(control, 1);
    const after = (await control.read()).parked.get("contact");

    expect(before).toBe(0);
    expect(after).toEqual({
      reason: "3 records in a row failed with CAM-1",
      code: "CAM-1",
      message: "campaign refused profile",
      since: "2026-03-01T00:00:00.000Z",
      by: "product",
    });
  });

  it("are counted over all processes", async () => {
    const [one, other] = [aProcess(4), aProcess(4)];

    await failTimes(one, 2);
    await failTimes(other, 2);

    expect([...(await one.current()).parked.keys()]).toEqual(["contact"]);
  });

  it("do not park while the codes differ", async () => {
    const control = aProcess(3);

    for (const code of ["A", "A", "B", "A", "A", "B"]) await failTimes(control, 1, code);

    expect((await control.read()).parked.size).toBe(0);
  });

  it("start anew after a success", async () => {
    const control = aProcess(3);
    await failTimes(control, 2);

    await control.succeeded("contact");
    await failTimes(control, 2);

    expect((await control.read()).parked.size).toBe(0);
  });

  it("start anew after a success in another process that has seen them", async () => {
    const [one, other] = [aProcess(3), aProcess(3)];
    await failTimes(one, 2);
    await other.current();

    await other.succeeded("contact");
    await failTimes(one, 2);

    expect((await one.read()).parked.size).toBe(0);
  });

  it("of one table do not park another, whose success does not count either", async () => {
    const control = aProcess(2);
    await control.failed("contact", contactId(1), "A", "");

    await control.succeeded("account");
    await control.failed("contact", contactId(2), "A", "");

    expect([...(await control.read()).parked.keys()]).toEqual(["contact"]);
  });

  it("of one record count once, however often it fails", async () => {
    const control = aProcess(2);
    for (let time = 0; time < 5; time += 1) await control.failed("contact", contactId(1), "A", "");
    const before = (await control.read()).parked.size;

    await control.failed("contact", contactId(2), "A", "");

    expect([before, (await control.read()).parked.size]).toEqual([0, 1]);
  });

  it("never park when that is switched off, and cost nothing then", async () => {
    const control = aProcess(0);

    await failTimes(control, 100);

    expect(calls).toEqual([]);
  });

  it("are counted one by one when two processes fail at the same moment", async () => {
    const processes = [aProcess(6), aProcess(6), aProcess(6)];

    await Promise.all(processes.map((control) => failTimes(control, 2)));

    expect([...(await aProcess().current()).parked.keys()]).toEqual(["contact"]);
  });

  it("cost no call once the mapping is known to be parked", async () => {
    const control = aProcess(1);
    await failTimes(control, 1);
    await control.current();
    calls = [];

    await failTimes(control, 5);

    expect(calls).toEqual([]);
  });
});

describe("a success", () => {
  it("costs no call while no failure is known", async () => {
    const control = aProcess();
    await control.succeeded("contact");
    await control.current();
    calls = [];

    await control.succeeded("contact");

    expect(calls).toEqual([]);
  });

  it("resets a count once, and costs nothing after that", async () => {
    const control = aProcess();
    await failTimes(control, 1);
    await control.current();
    calls = [];

    for (let time = 0; time < 5; time += 1) await control.succeeded("contact");

    expect(calls).toEqual(["get", "replace"]);
  });
});

describe("a parked mapping", () => {
  it("is taken up again with its errors forgotten: the next error is the first", async () => {
    const control = aProcess(3);
    await failTimes(control, 3);

    const wasParked = await control.takeUp("contact");
    await failTimes(control, 2);

    expect(wasParked).toBe(true);
    expect((await control.read()).parked.size).toBe(0);
    expect(await control.takeUp("contact")).toBe(false);
  });

  it("keeps its first reason when somebody parks it again", async () => {
    const control = aProcess();
    await control.setAside("contact", "moving house", "ada");

    await control.setAside("contact", "something else", "bob");
    await control.park("contact", "0x8004", "no privilege", clock.now() + 1_000);

    expect((await control.read()).parked.get("contact")).toMatchObject({ reason: "moving house", by: "ada" });
  });

  it("comes back by itself when its time is over, and stays when an operator parked it meanwhile", async () => {
    const control = aProcess();
    await control.park("contact", "0x8004", "no privilege", clock.now() + 60_000);
    await control.park("account", "0x8004", "no privilege", clock.now() + 60_000);
    await control.setAside("account", "until Monday", "ada");
    const before = [...(await control.current()).parked];

    clock.advance(60_000);
    const after = [...(await control.current()).parked];

    expect(before).toEqual([
      ["account", "until Monday"],
      ["contact", "no privilege"],
    ]);
    expect(after).toEqual([["account", "until Monday"]]);
  });

  it("is parked anew by a product that fails again after its time was over", async () => {
    const control = aProcess();
    await control.park("contact", "0x8004", "no privilege", clock.now() + 1_000);
    clock.advance(2_000);

    await control.park("contact", "0x8004", "no privilege", clock.now() + 1_000);

    expect([...(await control.current()).parked.keys()]).toEqual(["contact"]);
  });
});
