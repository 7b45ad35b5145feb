import { beforeEach, describe, expect, it } from "vitest";
import type { DifferenceFilter, DifferenceStore, OptOutDifference } from "../../../shared/flows/reconcile-ports.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { makeDifferenceStore } from "../../../shared/storage/reconciliations.js";
import { type FixedClock, fixedClock } from "../../support/fixed-clock.js";
import { recordId, version } from "../../support/samples.js";

let clock: FixedClock;
let store: DifferenceStore;

beforeEach(async () => {
  clock = fixedClock("2026-03-10T00:00:00Z");
  const tables = makeMemoryEntityTables();
  await tables.ensure(["reconciliations"]);
  store = makeDifferenceStore(tables.table("reconciliations"), clock);
});

/** Contact `n`, out in Campaign only, with `changes` on top. */
function aDifference(n: number, changes: Partial<OptOutDifference> = {}): OptOutDifference {
  return {
    kind: "opts-out",
    table: "contact",
    record: recordId(n),
    attribute: "email",
    column: "donotemail",
    direction: "both",
    dynamics: { value: false, changedAt: "2026-03-01T09:00:00.000Z", version: version(1001) },
    campaign: { value: true, changedAt: "2026-03-01T10:00:00.000Z" },
    rule: "opt-out-in-campaign",
    wouldWrite: { side: "dynamics", value: true },
    ...changes,
  };
}

const word: Partial<OptOutDifference> = { kind: "needs-word", rule: "opt-in-not-seen" };

async function listed(run: number, filter: DifferenceFilter = {}): Promise<OptOutDifference[]> {
  const found: OptOutDifference[] = [];
  for await (const { difference } of store.list(run, filter)) found.push(difference);
  return found;
}
const numbers = async (run: number, filter?: DifferenceFilter) =>
  (await listed(run, filter)).map(({ record }) => Number(record.slice(-3)));

describe("the list of what a reconciliation found", () => {
  it("gives back what was kept, what was left out included", async () => {
    const full = aDifference(1);
    const { wouldWrite: _wouldWrite, ...bare } = aDifference(2, {
      dynamics: { value: true, version: version(2n ** 63n) },
      campaign: { value: false },
    });

    await store.keep(1, [full, bare]);

    expect(await listed(1)).toEqual([full, bare]);
    expect(await store.read(1, "opts-out", recordId(2), "email")).toEqual(bare);
    expect(await store.read(1, "needs-word", recordId(2), "email")).toBeUndefined();
  });

  it("keeps what is found again in the place of what was found before", async () => {
    const now = aDifference(1, { dynamics: { value: false, version: version(1002) } });

    await store.keep(1, [aDifference(1)]);
    await store.keep(1, [now]);

    expect(await listed(1)).toEqual([now]);
  });

  it.each<[string, DifferenceFilter, number[]]>([
    ["all", {}, [3, 3, 1, 2]],
    ["a kind", { kind: "needs-word" }, [3, 3]],
    ["an attribute", { attribute: "fax" }, [3]],
    ["both", { kind: "opts-out", attribute: "fax" }, []],
  ])("can be narrowed to %s, and is that of one run", async (_what, filter, expected) => {
    await store.keep(2, [aDifference(1), aDifference(2), aDifference(3, word)]);
    await store.keep(2, [aDifference(3, { ...word, attribute: "fax" })]);
    await store.keep(1, [aDifference(8)]);
    await store.keep(20, [aDifference(9)]);

    expect(await numbers(2, filter)).toEqual(expected);
  });

  it("goes on behind a place, also at the end of a kind", async () => {
    await store.keep(1, [aDifference(1), aDifference(2), aDifference(3, word)]);
    const seen: number[] = [];
    let after: Parameters<DifferenceStore["list"]>[2];
    for (let turn = 0; turn < 4; turn += 1) {
      for await (const { place, difference } of store.list(1, {}, after)) {
        seen.push(Number(difference.record.slice(-3)));
        after = place;
        break;
      }
    }

    expect(seen).toEqual([3, 1, 2]);
  });

  it("remembers the first word that was given, and none for what is not there", async () => {
    const difference = aDifference(3, word);
    await store.keep(1, [difference]);

    await store.confirm(1, difference, { by: "ada", at: "2026-03-02T00:00:00.000Z" });
    await store.confirm(1, difference, { by: "bob", at: "2026-03-03T00:00:00.000Z" });
    await store.confirm(2, difference, { by: "bob", at: "2026-03-03T00:00:00.000Z" });

    expect(await listed(1)).toEqual([{ ...difference, confirmed: { by: "ada", at: "2026-03-02T00:00:00.000Z" } }]);
    expect(await listed(2)).toEqual([]);
  });

  it("forgets the runs before one, and goes on with that when it ran out of time", async () => {
    const many = Array.from({ length: 200 }, (_, n) => aDifference(n));
    for (const run of [1, 9, 10]) await store.keep(run, many);

    const first = await store.purge(10, clock.now());
    const left = (await listed(1)).length;
    const second = await store.purge(10, clock.now() + 1);

    expect([first, left, second]).toEqual([false, 40, true]);
    expect([await numbers(1), await numbers(9), (await listed(10)).length]).toEqual([[], [], 200]);
  });
});
