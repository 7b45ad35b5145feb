import { beforeEach, describe, expect, it } from "vitest";
import type { OptOutDecision } from "../../../shared/flows/optout-ports.js";
import { type DecisionFilter, type DecisionStore, makeDecisionStore } from "../../../shared/storage/decisions.js";
import type { EntityTable } from "../../../shared/storage/entity-table.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { type FixedClock, fixedClock } from "../../support/fixed-clock.js";
import { aDecision, recordId } from "../../support/samples.js";

let clock: FixedClock;
let table: EntityTable;
let store: DecisionStore;

beforeEach(async () => {
  clock = fixedClock("2026-03-10T00:00:00Z");
  const tables = makeMemoryEntityTables();
  await tables.ensure(["decisions"]);
  table = tables.table("decisions");
  store = makeDecisionStore(table, clock);
});

async function listed(filter: DecisionFilter = {}): Promise<OptOutDecision[]> {
  const found: OptOutDecision[] = [];
  for await (const { decision } of store.list(filter)) found.push(decision);
  return found;
}

const ids = async (filter?: DecisionFilter) => (await listed(filter)).map(({ id }) => id);

async function rows(): Promise<number> {
  let count = 0;
  for await (const _row of table.list()) count += 1;
  return count;
}

describe("the log of decisions on opt-outs", () => {
  it("gives back what was noted, what was left out included", async () => {
    const full = aDecision({ by: "ada", wrote: { side: "campaign", value: false } });
    const { wrote: _wrote, ...bare } = aDecision({
      id: "b",
      at: "2026-03-01T09:00:00.000Z",
      dynamics: { value: false },
      campaign: {},
      remembered: {},
      result: "left",
    });

    await store.note([full, bare]);

    expect(await listed()).toEqual([full, bare]);
  });

  it("lists the newest first, over days and within a millisecond's order", async () => {
    await store.note([
      aDecision({ id: "a", at: "2026-02-28T23:59:59.999Z" }),
      aDecision({ id: "c", at: "2026-03-01T10:00:00.001Z" }),
      aDecision({ id: "b", at: "2026-03-01T10:00:00.000Z" }),
      aDecision({ id: "d", at: "2026-03-02T00:00:00.000Z" }),
    ]);

    expect(await ids()).toEqual(["d", "c", "b", "a"]);
  });

  it("replaces a decision that is noted again, and keeps the time at which it was made, on the next day too", async () => {
    await store.note([aDecision({ at: "2026-03-01T23:59:59.999Z", result: "announced" })]);
    await store.note([aDecision({ at: "2026-03-02T00:00:01.000Z", result: "written" })]);

    expect(await listed()).toEqual([aDecision({ at: "2026-03-01T23:59:59.999Z", result: "written" })]);
  });

  it("costs two operations, and one more for what came of it where the same process says so", async () => {
    let operations = 0;
    const counted = new Proxy(table, {
      get(target, name, receiver) {
        operations += 1;
        return Reflect.get(target, name, receiver);
      },
    });
    store = makeDecisionStore(counted, clock);

    await store.note([aDecision({ result: "announced" })]);
    const first = operations;
    await store.note([aDecision({ result: "written" })]);

    expect([first, operations]).toEqual([2, 3]);
    expect(await listed()).toEqual([aDecision({ result: "written" })]);
  });

  it("replaces a decision that another process has noted again meanwhile", async () => {
    await store.note([aDecision({ result: "announced" })]);
    await makeDecisionStore(table, clock).note([aDecision({ result: "failed" })]);

    await store.note([aDecision({ result: "written" })]);

    expect(await listed()).toEqual([aDecision({ result: "written" })]);
  });

  it("notes a decision whole though the process died between its two rows", async () => {
    const insert = table.insert.bind(table);
    let inserts = 0;
    const dying: EntityTable = {
      ...table,
      insert(...entity) {
        inserts += 1;
        return inserts === 2 ? Promise.reject(new Error("killed")) : insert(...entity);
      },
    };
    await expect(makeDecisionStore(dying, clock).note([aDecision()])).rejects.toThrow("killed");

    await store.note([aDecision({ at: "2026-03-01T11:00:00.000Z" })]);

    expect(await listed()).toEqual([aDecision()]);
  });

  it.each<[string, DecisionFilter, string[]]>([
    ["from a day on", { from: "2026-03-02" }, ["d", "c"]],
    ["up to a day, which counts", { to: "2026-03-02" }, ["c", "b", "a"]],
    ["of one day", { from: "2026-03-02", to: "2026-03-02" }, ["c"]],
    ["of days on which nothing was decided", { from: "2026-02-01", to: "2026-02-27" }, []],
    ["of one record", { record: recordId(2) }, ["c"]],
    ["of one attribute", { attribute: "fax" }, ["b"]],
    ["by one rule", { rule: "opt-in-newer" }, ["d"]],
    ["with one result", { result: "failed" }, ["a"]],
    ["of one record in some days", { record: recordId(1), from: "2026-03-01", to: "2026-03-02" }, ["b", "a"]],
  ])("finds those %s", async (_what, filter, expected) => {
    await store.note([
      aDecision({ id: "a", at: "2026-03-01T10:00:00.000Z", result: "failed" }),
      aDecision({ id: "b", at: "2026-03-01T11:00:00.000Z", attribute: "fax" }),
      aDecision({ id: "c", at: "2026-03-02T10:00:00.000Z", record: recordId(2) }),
      aDecision({ id: "d", at: "2026-03-03T10:00:00.000Z", rule: "opt-in-newer" }),
    ]);

    expect(await ids(filter)).toEqual(expected);
  });

  it("goes on behind a place, in the middle of a day too", async () => {
    const at = (hour: number) => `2026-03-01T0${hour}:00:00.000Z`;
    await store.note([1, 2, 3].map((hour) => aDecision({ id: String(hour), at: at(hour) })));
    const first = (await store.list({})[Symbol.asyncIterator]().next()).value;

    const rest: string[] = [];
    for await (const { decision } of store.list({}, first?.place)) rest.push(decision.id);

    expect(rest).toEqual(["2", "1"]);
  });

  it("holds ids, values, times and names of rules only", async () => {
    await store.note([aDecision({ by: "ada" })]);

    const names = new Set<string>();
    for await (const { values } of table.list()) for (const name of Object.keys(values)) names.add(name);

    expect([...names].sort()).toEqual([
      ...["at", "attribute", "by", "campaign", "campaignAt", "cause", "column", "correlationId", "direction"],
      ...["dynamics", "dynamicsAt", "dynamicsVersion", "record", "rememberedCampaign", "rememberedDynamics"],
      ...["result", "rule", "table", "wroteSide", "wroteValue"],
    ]);
  });
});

describe("purging decisions", () => {
  const before = Date.parse("2026-03-02T12:00:00Z");

  it("removes what was decided before that day, with all its rows, and nothing else", async () => {
    await store.note([
      aDecision({ id: "a", at: "2026-02-01T10:00:00.000Z" }),
      aDecision({ id: "b", at: "2026-03-01T23:59:59.999Z" }),
      aDecision({ id: "c", at: "2026-03-02T00:00:00.000Z" }),
    ]);
    const rowsOfOne = (await rows()) / 3;

    expect(await store.purge(before, clock.now() + 1_000)).toEqual({ removed: 2, done: true });

    expect(await ids()).toEqual(["c"]);
    expect(await rows()).toBe(rowsOfOne);
  });

  it("stops at its deadline and goes on the next time", async () => {
    await store.note([1, 2].map((n) => aDecision({ id: String(n), at: "2026-01-01T10:00:00.000Z" })));

    expect(await store.purge(before, clock.now())).toEqual({ removed: 0, done: false });
    expect(await store.purge(before, clock.now() + 1)).toEqual({ removed: 2, done: true });
  });
});
