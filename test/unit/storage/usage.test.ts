import { describe, expect, it } from "vitest";
import { UnavailableError } from "../../../shared/errors.js";
import type { EntityTable } from "../../../shared/storage/entity-table.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { makeUsage } from "../../../shared/storage/usage.js";
import { timerClock } from "../../support/timer-clock.js";

const day = "2026-03-01";

async function world(startAt = `${day}T12:00:00.000Z`) {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["usage"]);
  const table = tables.table("usage");
  const clock = timerClock(startAt);
  const state = { isAway: false, saves: 0 };
  const down = (): void => {
    if (state.isAway) throw new UnavailableError("table usage: no answer", false);
  };
  const entities: EntityTable = {
    ...table,
    async get(...key) {
      down();
      return table.get(...key);
    },
    async insert(...entity) {
      state.saves += 1;
      return table.insert(...entity);
    },
    async replace(...entity) {
      state.saves += 1;
      return table.replace(...entity);
    },
  };
  return { table, clock, state, process: () => makeUsage(entities, clock) };
}

describe("the usage store", () => {
  it("counts calls by purpose, those not stored yet included", async () => {
    const { process } = await world();
    const usage = process();

    for (const purpose of ["update profile", "update profile", "create profile"]) usage.count(purpose);

    expect(await usage.usageOf(day)).toEqual(new Map(Object.entries({ "update profile": 2, "create profile": 1 })));
  });

  it("adds up what several processes counted, also when they store it at the same moment", async () => {
    const { process } = await world();
    const processes = Array.from({ length: 5 }, process);
    for (const usage of processes) for (let call = 0; call < 10; call += 1) usage.count("update profile");

    await Promise.all(processes.map((usage) => usage.flush()));

    expect(await process().usageOf(day)).toEqual(new Map([["update profile", 50]]));
  });

  it("stores by itself within ten seconds, with one save however many calls there were", async () => {
    const { process, clock, state } = await world();
    const usage = process();
    for (let call = 0; call < 100; call += 1) usage.count("update profile");

    await clock.run(clock.sleep(10_001));

    expect(state.saves).toBe(1);
    expect(await process().usageOf(day)).toEqual(new Map([["update profile", 100]]));
  });

  it("keeps what it cannot store, and stores it once when the table is back", async () => {
    const { process, state } = await world();
    const usage = process();
    usage.count("update profile");
    state.isAway = true;
    await usage.flush();
    usage.count("update profile");

    state.isAway = false;
    await Promise.all([usage.flush(), usage.flush()]);

    expect(await process().usageOf(day)).toEqual(new Map([["update profile", 2]]));
  });

  it("puts a call into the UTC day on which it was sent, not the one on which it was stored", async () => {
    const { process, clock } = await world(`${day}T23:59:59.000Z`);
    const usage = process();
    usage.count("update profile");
    await clock.run(clock.sleep(2_000));
    usage.count("update profile");

    expect(await usage.usageOf(day)).toEqual(new Map([["update profile", 1]]));
    expect(await usage.usageOf("2026-03-02")).toEqual(new Map([["update profile", 1]]));
  });

  it("takes a purpose with characters that a key may not hold, and answers it unchanged", async () => {
    const { process, table } = await world();
    const usage = process();
    usage.count("find cus/Order #1?");

    expect(await usage.usageOf(day)).toEqual(new Map([["find cus/Order #1?", 1]]));
    expect(await table.get(day, "find cus-Order -1-")).toMatchObject({ values: { calls: 1 } });
  });
});
