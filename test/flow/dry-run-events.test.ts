import { describe, expect, it } from "vitest";
import { makeDryRun } from "../../shared/compose/dry-run.js";
import { type BackfillPace, backfillSlice } from "../../shared/flows/backfill-events.js";
import { orderBackfill } from "../../shared/flows/backfill-order.js";
import type { EgressPorts } from "../../shared/flows/egress-ports.js";
import { type PullPace, pullEvents } from "../../shared/flows/pull-events.js";
import { activityIdOf, taskIdOf } from "../../shared/model/email-event.js";
import { tableNames } from "../../shared/services.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import { makeEventLedger } from "../../shared/storage/event-ledger.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { makeEgressWorld } from "../support/egress-world.js";

const minute = 60_000;
const pullPace: PullPace = {
  pageSize: 2,
  pagesAtOnce: 1,
  narrowMs: 2 * minute,
  wideMs: 30 * minute,
  wideEveryMs: 15 * minute,
};
const backfillPace: BackfillPace = { pageSize: 3, lateMs: 30 * minute, retryMs: minute };
const table = (name: string) => ({ name: `acs_${name}` });
const activityTables = { send: table("send"), open: table("open"), click: table("click"), bounce: table("bounce") };

/** A real deployment and a dry run on the same state, after the first pull. */
async function dryAndReal() {
  const world = makeEgressWorld();
  const { clock } = world;
  const base = makeMemoryEntityTables();
  await base.ensure(tableNames);
  const dryRun = makeDryRun(base, tableNames, clock);
  const portsOver = (tables: Pick<typeof base, "table">): EgressPorts => ({
    ...world.ports,
    ledger: makeEventLedger(tables.table("events"), clock),
    checkpoints: makeCheckpointStore(tables.table("checkpoints")),
  });
  const real = portsOver(base);
  const pull = (ports: EgressPorts) => pullEvents(ports, pullPace, clock.now() + 10 * minute);
  await pull(real);
  clock.advance(minute);
  await dryRun.tables.ensure(tableNames);
  const dry = { ...portsOver(dryRun.tables), sink: dryRun.activities(world.ports.sink, activityTables) };
  const notes = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { side, table: name, id, note } of dryRun.run.list({}))
      found.push(`${side} ${name} ${id} ${note.outcome}`);
    return found.sort();
  };
  return { world, real, dry, pull, notes };
}

describe("a dry run of e-mail events", () => {
  it("reports activities and tasks, places none, and leaves the events for the real run", async () => {
    const { world, real, dry, pull, notes } = await dryAndReal();
    const [sent, clicked] = [world.log("send"), world.log("click")];
    world.gone.add("c-9");
    world.log("open", { contactKey: "c-9" });

    const counts = await pull(dry);
    const again = await pull(dry);
    const placed = world.placed();
    const done = await pull(real);

    expect(placed).toEqual([]);
    expect(await notes()).toEqual(
      [
        `dynamics acs_send ${activityIdOf(sent)} created`,
        `dynamics acs_click ${activityIdOf(clicked)} created`,
        `dynamics task ${taskIdOf(clicked)} created`,
      ].sort(),
    );
    expect(counts).toMatchObject({ written: 2, noContact: 1 });
    expect(again).toMatchObject({ written: 0 });
    expect(done).toMatchObject({ written: 2, noContact: 1 });
    expect(world.placed()).toEqual([sent.id, clicked.id].sort());
  });

  it("back-fills on paper, and the order is not carried out for real", async () => {
    const { world, real, dry, notes } = await dryAndReal();
    const iso = (agoMs: number) => new Date(world.clock.now() - agoMs).toISOString();
    const past = world.log("send", { at: iso(5 * 24 * 60 * minute), changedAt: iso(5 * 24 * 60 * minute) });
    const period = { from: iso(30 * 24 * 60 * minute), to: iso(24 * 60 * minute) };
    await orderBackfill(dry, { ...period, types: ["send"], expected: 1, by: "operator-1" });
    const withHistory = (ports: EgressPorts) => ({ ...ports, source: world.history.source });
    const deadline = world.clock.now() + 10 * minute;

    const done = await backfillSlice(withHistory(dry), backfillPace, deadline);
    const idle = await backfillSlice(withHistory(real), backfillPace, deadline);

    expect(done).toMatchObject({ state: "done", backfill: { sums: { written: 1 } } });
    expect(idle.state).toBe("idle");
    expect(await notes()).toEqual([`dynamics acs_send ${activityIdOf(past)} created`]);
    expect(world.placed()).toEqual([]);
  });
});
