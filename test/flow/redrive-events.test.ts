import { beforeEach, describe, expect, it } from "vitest";
import type { EgressControl } from "../../shared/control/ports.js";
import { UnavailableError } from "../../shared/errors.js";
import { pullEvents } from "../../shared/flows/pull-events.js";
import type { RefusedEvent } from "../../shared/flows/redrive-events.js";
import { toFailure } from "../../shared/flows/refused-event.js";
import { activityIdOf, type EmailEvent, eventTypes } from "../../shared/model/email-event.js";
import type { FailureStore } from "../../shared/storage/failures.js";
import { type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { type EgressWorld, makeEgressWorld } from "../support/egress-world.js";

const minute = 60_000;
const pace = { pageSize: 10, pagesAtOnce: 2, narrowMs: 2 * minute, wideMs: 30 * minute, wideEveryMs: 15 * minute };
const tableOf = (type: string) => `acs_email${type}`;

let egress: EgressWorld;
let own: ControlWorld;
let failures: FailureStore;
beforeEach(setUp);

async function setUp(): Promise<void> {
  egress = makeEgressWorld();
  own = await makeControlWorld();
  own.world.clock.advance(egress.clock.now() - own.world.clock.now());
  failures = own.ports.failures;
  const mortal = egress.mortal({ report: failures.report, resolve: failures.resolve });
  egress.ports.failed = (failure) => mortal.report(toFailure(tableOf(failure.event.type), failure));
  egress.ports.succeeded = ({ event, id }) => mortal.resolve(tableOf(event.type), id);
  egress.ports.stopped = async () => ((await own.control.isWanted("egress")) ? undefined : "egress is stopped");
  let runs = 0;
  const control: EgressControl = {
    ports: egress.ports,
    by: "rest",
    tables: new Map(eventTypes.map((type) => [tableOf(type), type])),
    redrive: { ...egress.ports, source: egress.history.source },
    newId: () => `run-${++runs}`,
  };
  own.ports.egress = control;
}

const pull = () => egress.throughKills(() => pullEvents(egress.ports, pace, egress.clock.now() + 10 * minute));
const later = (ms: number) => {
  egress.clock.advance(ms);
  own.world.clock.advance(ms);
};

/** Clicks that Dynamics refuses, as the pull found them. */
async function refused(count: number): Promise<EmailEvent[]> {
  await pull();
  const events: EmailEvent[] = [];
  for (let n = 0; n < count; n += 1) {
    later(1_000);
    events.push(egress.log("click", { url: "refused" }));
  }
  await pull();
  return events;
}
const mend = (events: readonly EmailEvent[]) => {
  for (const event of events) event.url = "https://example.com/";
};
const pathOf = (event: RefusedEvent) => `/failures/${tableOf(event.type)}/${activityIdOf(event)}`;
const statusOf = async (event: RefusedEvent) => (await failures.read(tableOf(event.type), activityIdOf(event)))?.status;
const redrive = (event: EmailEvent) => own.ask("POST", `${pathOf(event)}/redrive`);

describe("redriving an event that Dynamics refused", () => {
  it("shows it as a failure of egress with a fix of its own", async () => {
    const [event] = await refused(1);

    const { body } = await own.ask("GET", pathOf(event as EmailEvent));

    expect(body).toMatchObject({ flow: "egress", status: "open", code: "0x80040203", canRedrive: true });
    expect(body.fix).toMatch(/Dynamics refused the activity/);
  });

  it("reads the event again, places it and resolves the failure; a second time changes nothing", async () => {
    const [event] = (await refused(1)) as [EmailEvent];
    mend([event]);

    const first = await redrive(event);
    const second = await redrive(event);

    expect(first).toMatchObject({
      status: 202,
      body: { queued: true, failure: { status: "resolved", by: "function-key" } },
    });
    expect(second).toMatchObject({ status: 202, body: { queued: false, skipped: "resolved" } });
    expect(egress.placed()).toEqual([event.id]);
  });

  it("leaves the failure open when Dynamics refuses it again", async () => {
    const [event] = (await refused(1)) as [EmailEvent];

    const { body } = await redrive(event);

    expect(body).toMatchObject({ failure: { status: "open", reports: 2 } });
  });

  it("says so when Campaign has purged the row, and leaves the failure open", async () => {
    const [event] = (await refused(1)) as [EmailEvent];
    egress.rows.splice(0);

    const answer = await redrive(event);

    expect(answer).toMatchObject({ status: 409, body: { error: { code: "gone" } } });
    expect(await statusOf(event)).toBe("open");
  });

  it("resolves the failure when the contact is gone meanwhile: there is nothing left to write", async () => {
    const [event] = (await refused(1)) as [EmailEvent];
    egress.gone.add(event.contactKey);

    await redrive(event);

    expect(await statusOf(event)).toBe("resolved");
    expect(egress.placed()).toEqual([]);
  });

  it.each<[string, () => unknown, string]>([
    ["egress is stopped", () => own.control.stop(false, "ada", "egress"), "stopped"],
    ["its type is off", () => Object.assign(egress, { types: ["send"] }), "off"],
    [
      "the tables are called otherwise now",
      () => Object.assign(own.ports.egress ?? {}, { tables: new Map() }),
      "not-mapped",
    ],
    ["events come from files", () => Object.assign(own.ports.egress ?? {}, { redrive: undefined }), "gone"],
  ])("is refused while %s", async (_what, arrange, code) => {
    const [event] = (await refused(1)) as [EmailEvent];
    await arrange();

    expect(await redrive(event)).toMatchObject({ status: 409, body: { error: { code } } });
  });

  it("is refused with 503 while a gate is closed, and calls nobody", async () => {
    const [event] = (await refused(1)) as [EmailEvent];
    const held = { peer: "dynamics" as const, until: 0, reason: "no answer" };
    Object.assign(own.ports.egress?.redrive ?? {}, { gates: { ...egress.ports.gates, admit: async () => held } });

    expect(await redrive(event)).toMatchObject({ status: 503 });
    expect(await statusOf(event)).toBe("open");
  });

  it("reopens a dismissed one without touching the sync state of contacts", async () => {
    const [event] = (await refused(1)) as [EmailEvent];
    await own.ask("POST", `${pathOf(event)}/dismiss`);

    const { body } = await own.ask("POST", `${pathOf(event)}/reopen`);

    expect(body).toMatchObject({ status: "open" });
    expect(await own.world.ports.states.read(tableOf("click"), activityIdOf(event))).toBeUndefined();
  });

  it("leaves the failure open or the activity there wherever it is killed, and once more ends it", async () => {
    for (let call = 1, wasKilled = true; wasKilled; call += 1) {
      for (const when of ["before", "after"] as const) {
        await setUp();
        const [event] = (await refused(1)) as [EmailEvent];
        mend([event]);
        egress.calls = 0;
        egress.kill = { call, when };
        await redrive(event).catch(() => {});
        wasKilled = egress.calls >= call;
        egress.kill = undefined;
        const between = await statusOf(event);
        expect(between === "open" || egress.timeline.size === 1, `killed ${when} call ${call}`).toBe(true);

        await redrive(event);

        expect([await statusOf(event), egress.placed()], `killed ${when} call ${call}`).toEqual([
          "resolved",
          [event.id],
        ]);
      }
    }
    expect(egress.calls).toBeGreaterThan(8);
  });

  it("ends a failure whose event was written though its process died before it could say so", async () => {
    await pull();
    const event = egress.log("click", { url: "refused" });
    const { note } = egress.ports.ledger;
    egress.ports.ledger.note = () => Promise.reject(new UnavailableError("tables are away", false));
    await pull().catch(() => {});
    egress.ports.ledger.note = note;
    mend([event]);
    await pull();

    await redrive(event);

    expect([await statusOf(event), egress.placed()]).toEqual(["resolved", [event.id]]);
  });
});

describe("redriving many", () => {
  it("takes those of a filter or all, counts those that are gone, and leaves the rest alone", async () => {
    const events = await refused(5);
    mend(events);
    const lost = events[2] as EmailEvent;
    egress.rows.splice(egress.rows.indexOf(lost), 1);

    const none = await own.ask("POST", "/failures/redrive", { body: { filter: { table: tableOf("open") } } });
    const { body } = await own.ask("POST", "/failures/redrive", { body: { filter: {} } });

    expect(none.body).toMatchObject({ queued: 0 });
    expect(body).toMatchObject({ queued: 4, skipped: { count: 1, first: [{ id: activityIdOf(lost), why: "gone" }] } });
    expect(egress.placed()).toHaveLength(4);
    expect(await statusOf(lost)).toBe("open");
  });

  it("takes those that are named", async () => {
    const [one, other] = (await refused(2)) as [EmailEvent, EmailEvent];
    mend([one, other]);
    const records = [{ table: tableOf("click"), id: activityIdOf(other) }];

    const { body } = await own.ask("POST", "/failures/redrive", { body: { records } });

    expect(body).toMatchObject({ queued: 1 });
    expect(egress.placed()).toEqual([other.id]);
    expect(await statusOf(one)).toBe("open");
  });

  it("ends in time and goes on with a continuation", async () => {
    const events = await refused(4);
    mend(events);
    const { readEvents } = egress.history.source;
    Object.assign(own.ports.egress?.redrive ?? {}, {
      source: {
        ...egress.history.source,
        readEvents: (...given: Parameters<typeof readEvents>) => {
          later(10_000);
          return readEvents(...given);
        },
      },
    });

    const first = await own.ask("POST", "/failures/redrive", { body: { filter: {} } });
    const { continuation } = first.body;
    const second = await own.ask("POST", "/failures/redrive", { body: { filter: {}, continuation } });

    expect(first.body).toMatchObject({ queued: 2 });
    expect(second.body).toMatchObject({ queued: 2 });
    expect(egress.placed()).toHaveLength(4);
  });
});
