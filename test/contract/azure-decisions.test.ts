import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeAzureEntityTables } from "../../shared/storage/azure-entity-table.js";
import { type DecisionFilter, type DecisionStore, makeDecisionStore } from "../../shared/storage/decisions.js";
import { type Azurite, startAzurite } from "../support/azurite.js";
import { all } from "../support/control-world.js";
import { fixedClock } from "../support/fixed-clock.js";
import { aDecision, recordId } from "../support/samples.js";

const clock = fixedClock("2026-03-10T00:00:00Z");
let azurite: Azurite;
let store: DecisionStore;

beforeAll(async () => {
  azurite = await startAzurite();
  const tables = makeAzureEntityTables({ connectionString: azurite.connectionString });
  await tables.ensure(["decisions"]);
  store = makeDecisionStore(tables.table("decisions"), clock);
  await store.note([
    aDecision({ id: "a", at: "2026-03-01T10:00:00.000Z" }),
    aDecision({ id: "b", at: "2026-03-02T10:00:00.000Z", record: recordId(2) }),
    aDecision({ id: "c", at: "2026-03-02T11:00:00.000Z", result: "announced" }),
    aDecision({ id: "d", at: "2026-03-03T10:00:00.000Z" }),
  ]);
});
afterAll(() => azurite.close());

async function ids(filter: DecisionFilter = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const { decision } of store.list(filter)) found.push(decision.id);
  return found;
}

describe("decisions over Azurite", () => {
  it("come newest first, by days, by record and from a place on", async () => {
    const second = (await all(store.list({})))[1];

    expect(await ids()).toEqual(["d", "c", "b", "a"]);
    expect(await ids({ from: "2026-03-02", to: "2026-03-02" })).toEqual(["c", "b"]);
    expect(await ids({ record: recordId(1), to: "2026-03-02" })).toEqual(["c", "a"]);
    expect((await all(store.list({}, second?.place))).map(({ decision }) => decision.id)).toEqual(["b", "a"]);
  });

  it("are replaced where they stand, and gone after their time", async () => {
    await store.note([aDecision({ id: "c", at: "2026-03-04T00:00:00.000Z", result: "written" })]);
    expect(await ids({ to: "2026-03-02", result: "written", record: recordId(1) })).toEqual(["c", "a"]);

    expect(await store.purge(Date.parse("2026-03-03T00:00:00Z"), clock.now() + 60_000)).toEqual({
      removed: 3,
      done: true,
    });
    expect(await ids()).toEqual(["d"]);
  });
});
