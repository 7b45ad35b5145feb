import { beforeEach, describe, expect, it } from "vitest";
import type { EventLedger } from "../../../shared/flows/egress-ports.js";
import { activityIdOf, type EmailEvent } from "../../../shared/model/email-event.js";
import { makeEventLedger } from "../../../shared/storage/event-ledger.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";

let ledger: EventLedger;
beforeEach(async () => {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["events"]);
  ledger = makeEventLedger(tables.table("events"));
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
});
