import { beforeEach, describe, expect, it } from "vitest";
import { UnavailableError } from "../../shared/errors.js";
import type { ContactFate, EgressPorts, NewActivity } from "../../shared/flows/egress-ports.js";
import { type PullPace, pullEvents } from "../../shared/flows/pull-events.js";
import { activityIdOf, type EmailEvent, type EventType, taskIdOf } from "../../shared/model/email-event.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import { makeEventLedger } from "../../shared/storage/event-ledger.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { openGates } from "../support/calm-ports.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";
import { recordId } from "../support/samples.js";

const minute = 60_000;
const pace: PullPace = { pageSize: 2, narrowMs: 2 * minute, wideMs: 30 * minute, wideEveryMs: 15 * minute };
class Killed extends Error {}

let clock: FixedClock;
let rows: EmailEvent[];
/** What stands in Dynamics: activities and tasks by id. */
let timeline: Map<string, NewActivity>;
let types: EventType[];
let tasks: EventType[];
let merged: Map<string, string>;
let gone: Set<string>;
let refused: string[];
let ports: EgressPorts;
/** Dies at this call of any port, before or after it took effect. */
let kill: { call: number; when: "before" | "after" } | undefined;
let calls: number;

beforeEach(() => setUp());

function setUp(): void {
  clock = fixedClock("2026-03-01T12:00:00Z");
  [rows, timeline, types, tasks] = [[], new Map(), ["send", "open", "click", "bounce"], ["click", "bounce"]];
  [merged, gone, refused, kill, calls] = [new Map(), new Set(), [], undefined, 0];
  const tables = makeMemoryEntityTables();
  void tables.ensure(["checkpoints", "events"]);
  const { source, sink } = peers();
  ports = {
    source: mortal(source),
    sink: mortal(sink),
    ledger: mortal(makeEventLedger(tables.table("events"))),
    checkpoints: mortal(makeCheckpointStore(tables.table("checkpoints"))),
    gates: openGates(),
    clock,
    settings: async () => ({ types: new Set(types), tasks: new Set(tasks) }),
    binding: async () => ({}),
    failed: async ({ event }) => void refused.push(event.id),
    succeeded: async () => {},
  };
}

/** Both systems, as simple as can be: rows in the order of their changes, pages by number. */
function peers(): Pick<EgressPorts, "source" | "sink"> {
  const source: EgressPorts["source"] = {
    async readEvents(since, cursor, size) {
      const found = rows.filter((row) => row.changedAt >= since).sort((a, b) => (a.changedAt < b.changedAt ? -1 : 1));
      const from = Number(cursor ?? 0);
      const next = from + size < found.length ? { next: String(from + size) } : {};
      return { events: found.slice(from, from + size), skipped: from === 0 ? { "no-key": 1 } : {}, ...next };
    },
    oldestChange: async () => rows[0]?.changedAt,
  };
  const sink: EgressPorts["sink"] = {
    contacts: async (keys) =>
      new Map(
        keys.map((key): [string, ContactFate] => {
          const master = merged.get(key);
          if (gone.has(key)) return [key, { state: "gone" }];
          return [key, master ? { state: "merged", id: recordId(Number(master)) } : { state: "here", id: recordId(1) }];
        }),
      ),
    existing: async (_type, ids) => new Set(ids.filter((id) => timeline.has(id))),
    write: async (activities) =>
      activities.map((activity) => {
        if (timeline.has(activity.id)) return { outcome: "existed" };
        if (activity.event.url === "refused") return { outcome: "refused", code: "0x80040203", message: "no" };
        timeline.set(activity.id, activity);
        return { outcome: "written" };
      }),
  };
  return { source, sink };
}

function mortal<Port extends object>(port: Port): Port {
  return new Proxy(port, {
    get(target, name, receiver) {
      const method = Reflect.get(target, name, receiver);
      if (typeof method !== "function") return method;
      return async (...given: unknown[]) => {
        calls += 1;
        const last = kill?.call === calls ? kill.when : undefined;
        if (last === "before") throw new Killed();
        const result: unknown = await Reflect.apply(method, target, given);
        if (last === "after") throw new Killed();
        return result;
      };
    },
  });
}

let numbers = 0;
function log(type: EventType, changes: Partial<EmailEvent> = {}): EmailEvent {
  numbers += 1;
  const at = new Date(clock.now()).toISOString();
  const names = { campaignName: "CP1", deliveryName: "DM1", url: "", mirrorPageUrl: "" };
  const event = { id: `E-${numbers}`, type, at, contactKey: "c-1", ...names, changedAt: at, ...changes };
  rows.push(event);
  return event;
}
const pull = () => pullEvents(ports, pace, clock.now() + 10 * minute);
async function pullThroughKills(): Promise<void> {
  for (;;) {
    try {
      await pull();
      return;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      kill = undefined;
    }
  }
}
const later = (ms: number) => clock.advance(ms);
const placed = () => [...timeline.values()].map(({ event }) => event.id).sort();

describe("pulling e-mail events", () => {
  it("begins at now: what happened before the first run stays in Campaign", async () => {
    log("open");
    later(5 * minute);
    await pull();
    later(minute);
    const after = log("open");

    await pull();

    expect(placed()).toEqual([after.id]);
  });

  it("places every type that is on, each event once, and counts what is off", async () => {
    types = ["send", "click"];
    await pull();
    later(minute);
    const [sent, clicked] = [log("send"), log("click")];
    log("open");

    const first = await pull();
    const second = await pull();

    expect(placed()).toEqual([sent.id, clicked.id].sort());
    expect(first).toMatchObject({ written: 2, off: 1, upToDate: true });
    expect(second).toMatchObject({ written: 0, known: 2 });
  });

  it("starts a type at the moment it is switched on, and reads nothing while none is", async () => {
    types = [];
    await pull();
    later(minute);
    log("send");
    types = ["send"];
    later(minute);
    await pull();
    later(minute);
    const after = log("send");

    await pull();

    expect(placed()).toEqual([after.id]);
  });

  it("finds rows that come late, by the wide look back, and rows with equal timestamps across pages", async () => {
    await pull();
    later(20 * minute);
    const ties = [log("send"), log("send"), log("send"), log("send"), log("send")];
    await pull();
    const late = log("open", { changedAt: new Date(clock.now() - 10 * minute).toISOString() });
    later(16 * minute);

    await pull();

    expect(placed()).toEqual([...ties, late].map(({ id }) => id).sort());
  });

  it("takes a bounce that comes a week after its send as an event of its own", async () => {
    await pull();
    const sent = log("send");
    await pull();
    later(7 * 24 * 60 * minute);
    const bounced = log("bounce", { at: sent.at });

    await pull();

    expect(placed()).toEqual([sent.id, bounced.id].sort());
    expect(timeline.get(activityIdOf(bounced))?.task).toBeUndefined();
  });

  it("gives merged contacts' events to the master, and accounts for those whose contact is gone", async () => {
    await pull();
    merged.set("c-2", "7");
    gone.add("c-3");
    const [ofMerged] = [log("open", { contactKey: "c-2" }), log("open", { contactKey: "c-3" })];

    const result = await pull();

    expect([...timeline.values()].map(({ contact }) => contact)).toEqual([recordId(7)]);
    expect(placed()).toEqual([ofMerged.id]);
    expect(result).toMatchObject({ written: 1, noContact: 1 });
  });

  it("leaves alone what a user deleted from the timeline, however often the rows come again", async () => {
    await pull();
    const event = log("click");
    await pull();
    timeline.delete(activityIdOf(event));
    later(16 * minute);

    await pull();

    expect(placed()).toEqual([]);
  });

  it("makes follow-up tasks for the types that bring them", async () => {
    await pull();
    const [clicked, opened] = [log("click"), log("open")];

    await pull();

    expect(timeline.get(activityIdOf(clicked))?.task).toEqual({ id: taskIdOf(clicked) });
    expect(timeline.get(activityIdOf(opened))?.task).toBeUndefined();
  });

  it("reports a refused event and goes on with its neighbours", async () => {
    await pull();
    const [bad, good] = [log("click", { url: "refused" }), log("click")];

    const result = await pull();

    expect(refused).toEqual([bad.id]);
    expect(placed()).toEqual([good.id]);
    expect(result).toMatchObject({ written: 1, refused: 1 });
  });

  it("moves no checkpoint over a page that Dynamics did not take", async () => {
    await pull();
    const event = log("open");
    const { write } = ports.sink;
    ports.sink.write = () => Promise.reject(new UnavailableError("Dynamics is away", true, { system: "dynamics" }));
    await expect(pull()).rejects.toThrow("Dynamics is away");
    ports.sink.write = write;

    await pull();

    expect(placed()).toEqual([event.id]);
  });

  it("changes nothing when it is run again from any earlier checkpoint", async () => {
    await pull();
    const before = await ports.checkpoints.read("egress", "events");
    for (const type of ["send", "open", "click"] as const) log(type);
    await pull();
    timeline.delete(activityIdOf(rows[0] as EmailEvent));
    const after = placed();
    const now = await ports.checkpoints.read("egress", "events");
    await ports.checkpoints.save("egress", "events", before?.values ?? {}, now?.etag);

    const result = await pull();

    expect(result).toMatchObject({ written: 0, known: 3 });
    expect(placed()).toEqual(after);
  });
});

describe("a process killed at any call while events are pulled", () => {
  async function play(): Promise<void> {
    await pullThroughKills();
    later(minute);
    for (const type of ["send", "open", "click", "bounce"] as const) log(type);
    gone.add("c-9");
    log("open", { contactKey: "c-9" });
    await pullThroughKills();
    later(16 * minute);
    log("click", { changedAt: new Date(clock.now() - 12 * minute).toISOString() });
    await pullThroughKills();
  }

  it("leaves every event on the timeline once, and its task once", async () => {
    await play();
    const all = calls;

    for (let call = 1; call <= all; call += 1) {
      for (const when of ["before", "after"] as const) {
        setUp();
        kill = { call, when };
        await play();
        expect(timeline.size, `killed ${when} call ${call}`).toBe(5);
      }
    }
    expect(all).toBeGreaterThan(25);
  });
});
