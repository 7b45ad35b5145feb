import { beforeEach, describe, expect, it } from "vitest";
import { activityIdOf, type EmailEvent } from "../../../shared/model/email-event.js";
import { type EventLedgerStore, makeEventLedger } from "../../../shared/storage/event-ledger.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";

let ledger: EventLedgerStore;
let now: number;
beforeEach(async () => {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["events"]);
  now = Date.parse("2026-03-02T00:00:00Z");
  ledger = makeEventLedger(tables.table("events"), { now: () => now });
});

function anEvent(changes: Partial<EmailEvent> = {}): EmailEvent {
  const at = "2026-03-01T12:00:00.000Z";
  const names = { contactKey: "c-1", campaignName: "", deliveryName: "", url: "", mirrorPageUrl: "" };
  return { id: "S-1", type: "send", at, changedAt: at, ...names, ...changes };
}
const knownOf = async (event: EmailEvent) => (await ledger.known([event])).get(activityIdOf(event));

describe("the ledger of events", () => {
  it("keeps the first outcome of an event, and the page that counted it", async () => {
    const event = anEvent();
    await ledger.note([{ event, outcome: "written" }], 7);
    await ledger.note([{ event, outcome: "no-contact" }], 8);

    expect(await knownOf(event)).toEqual({ outcome: "written", page: 7 });
  });

  it("turns a refusal into what a redrive made of it, counted where it was", async () => {
    const event = anEvent();
    await ledger.note([{ event, outcome: "refused" }], 7);
    const refused = await knownOf(event);

    await ledger.note([{ event, outcome: "written" }]);

    expect(refused).toEqual({ outcome: "refused", page: 7, changedAt: event.changedAt });
    expect(await knownOf(event)).toEqual({ outcome: "written", page: 7 });
  });

  it("remembers the latest change of a row that is refused again and again", async () => {
    const [first, later] = [anEvent(), anEvent({ changedAt: "2026-03-02T12:00:00.000Z" })];
    await ledger.note([{ event: later, outcome: "refused" }], 8);

    await ledger.note([{ event: first, outcome: "refused" }], 9);

    expect(await knownOf(first)).toMatchObject({ changedAt: later.changedAt, page: 8 });
  });

  it("answers other rows as new to the page that noted them first, however often it is done again", async () => {
    const rows = [{ key: "row/1" }, { key: "row/2" }];
    const first = await ledger.noteOthers(rows, 7);
    const again = await ledger.noteOthers([...rows, { key: "row/3" }], 7);
    const next = await ledger.noteOthers([...rows, { key: "row/4" }], 8);

    expect([...first]).toEqual(["row/1", "row/2"]);
    expect([...again]).toEqual(["row/1", "row/2", "row/3"]);
    expect([...next]).toEqual(["row/4"]);
  });

  it("forgets events of the days before, and nothing of the day itself", async () => {
    const events = ["2026-01-30", "2026-01-31", "2026-02-01"].map((day, index) =>
      anEvent({ id: `S-${index}`, at: `${day}T23:59:59.000Z` }),
    );
    await ledger.note(events.map((event) => ({ event, outcome: "written" })));

    const purged = await ledger.purge(Date.parse("2026-02-01T12:00:00Z"), Number.POSITIVE_INFINITY);

    expect(purged).toEqual({ removed: 2, done: true });
    expect((await ledger.known(events)).size).toBe(1);
  });

  it("forgets other rows that are as old within 32 days of looking once a day", async () => {
    const rows = Array.from({ length: 300 }, (_, index) => ({ key: `row/${index}` }));
    await ledger.noteOthers(rows, 7);
    const [notedAt, dayMs] = [now, 24 * 3_600_000];
    now += dayMs;
    await ledger.noteOthers([{ key: "later" }], 8);

    let removed = 0;
    for (let day = 0; day < 32; day += 1, now += dayMs) removed += (await ledger.purge(notedAt + 1, now + 1)).removed;

    expect(removed).toBe(300);
    expect([...(await ledger.noteOthers([...rows, { key: "later" }], 9))]).toHaveLength(300);
  });

  it("stops when its time is over, and goes on when it is asked again", async () => {
    const events = Array.from({ length: 40 }, (_, index) => anEvent({ id: `S-${index}` }));
    await ledger.note(events.map((event) => ({ event, outcome: "written" })));
    const before = Date.parse("2026-03-02T00:00:00Z");

    const first = await ledger.purge(before, now);
    const second = await ledger.purge(before, now + 1);

    expect([first, second]).toEqual([
      { removed: 0, done: false },
      { removed: 40, done: true },
    ]);
  });
});
