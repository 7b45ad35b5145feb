import { describe, expect, it } from "vitest";
import { withClaims } from "../../../shared/flows/claimed-events.js";
import { activityIdOf, type EmailEvent } from "../../../shared/model/email-event.js";
import { makeEventLedger } from "../../../shared/storage/event-ledger.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";

async function ledger() {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["events"]);
  return makeEventLedger(tables.table("events"), { now: () => 0 });
}

function event(id: string): EmailEvent {
  const at = "2026-03-01T12:00:00.000Z";
  const texts = { contactKey: "c-1", campaignName: "", deliveryName: "", url: "", mirrorPageUrl: "" };
  return { id, type: "open", at, changedAt: at, ...texts };
}

const [one, two, three] = [event("1"), event("2"), event("3")];

describe("the ledger of pages that are worked on side by side", () => {
  it("leaves an event that two pages hold to the one that asks first, also when both ask at the same moment", async () => {
    const claims = withClaims(await ledger());

    const [first, second] = await Promise.all([claims.known([one, two]), claims.known([two, three])]);

    expect([...first.keys()]).toEqual([]);
    expect([...second.keys()]).toEqual([activityIdOf(two)]);
  });

  it("answers from the ledger again when an event has been noted", async () => {
    const shared = await ledger();
    const claims = withClaims(shared);
    await claims.known([one]);
    await claims.note([{ event: one, outcome: "no-contact" }]);

    const known = await claims.known([one]);

    expect(known.get(activityIdOf(one))?.outcome).toBe("no-contact");
  });

  it("leaves an event that was refused, and may be tried again, to one page too", async () => {
    const shared = await ledger();
    await shared.note([{ event: one, outcome: "refused" }]);
    const claims = withClaims(shared);

    const [first, second] = [await claims.known([one]), await claims.known([one])];

    expect([first, second].map((known) => known.get(activityIdOf(one))?.outcome)).toEqual(["refused", "written"]);
  });

  it("knows nothing of what another run has claimed", async () => {
    const shared = await ledger();
    await withClaims(shared).known([one]);

    expect((await withClaims(shared).known([one])).size).toBe(0);
  });
});
