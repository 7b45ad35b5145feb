// Both ends of the flow of e-mail events, as simple as can be: rows of Campaign by their changes, a timeline in Dynamics. A test may kill at any call of a port.

import type { BackfillPorts } from "../../shared/flows/backfill-events.js";
import type { ContactFate, EgressPorts, HistorySource, NewActivity } from "../../shared/flows/egress-ports.js";
import type { EmailEvent, EventType } from "../../shared/model/email-event.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import { makeEventLedger } from "../../shared/storage/event-ledger.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { openGates } from "./calm-ports.js";
import { type FixedClock, fixedClock } from "./fixed-clock.js";
import { recordId } from "./samples.js";

/** What a killed process throws. */
export class Killed extends Error {}

/** The world, at noon on 1 March 2026. Everything that is no function may be changed by a test. */
export interface EgressWorld {
  clock: FixedClock;
  rows: EmailEvent[];
  /** What stands in Dynamics: activities and tasks by id. */
  timeline: Map<string, NewActivity>;
  types: EventType[];
  tasks: EventType[];
  /** Key of a contact to the number of its master. */
  merged: Map<string, string>;
  gone: Set<string>;
  /** Ids of events that were refused: those with the URL `refused` are. */
  refused: string[];
  ports: EgressPorts;
  /** The same for history; `stopped` says what `stop` holds. */
  history: BackfillPorts;
  stop: string | undefined;
  /** Dies at this call of any port, before or after it took effect. */
  kill: { call: number; when: "before" | "after" } | undefined;
  calls: number;
  /** A port whose calls count, and may be the last. */
  mortal<Port extends object>(port: Port): Port;
  /** Something happens in Campaign now. */
  log(type: EventType, changes?: Partial<EmailEvent>): EmailEvent;
  /** Ids of the events on the timeline. */
  placed(): string[];
  /** Runs it as a process that is killed, and begun again, until it comes to its end. */
  throughKills<T>(run: () => Promise<T>): Promise<T>;
}

/** Makes an empty world in which all types are on and clicks and bounces bring tasks. */
export function makeEgressWorld(clock: FixedClock = fixedClock("2026-03-01T12:00:00Z")): EgressWorld {
  const tables = makeMemoryEntityTables();
  void tables.ensure(["checkpoints", "events"]);
  let numbers = 0;
  const world: EgressWorld = {
    clock,
    rows: [],
    timeline: new Map(),
    types: ["send", "open", "click", "bounce"],
    tasks: ["click", "bounce"],
    merged: new Map(),
    gone: new Set(),
    refused: [],
    ports: {
      source: mortal(sourceOf(() => world)),
      sink: mortal(sinkOf(() => world)),
      ledger: mortal(makeEventLedger(tables.table("events"), clock)),
      checkpoints: mortal(makeCheckpointStore(tables.table("checkpoints"))),
      gates: openGates(),
      clock,
      settings: async () => ({ types: new Set(world.types), tasks: new Set(world.tasks) }),
      binding: async () => ({}),
      failed: async ({ event }) => void world.refused.push(event.id),
      stopped: async () => world.stop,
      succeeded: async () => {},
    },
    get history() {
      return { ...world.ports, source: history };
    },
    stop: undefined,
    kill: undefined,
    calls: 0,
    mortal,
    log(type, changes = {}) {
      numbers += 1;
      const at = new Date(clock.now()).toISOString();
      const names = { campaignName: "CP1", deliveryName: "DM1", url: "", mirrorPageUrl: "" };
      const event = { id: `E-${numbers}`, type, at, contactKey: "c-1", ...names, changedAt: at, ...changes };
      world.rows.push(event);
      return event;
    },
    placed: () => [...world.timeline.values()].map(({ event }) => event.id).sort(),
    async throughKills(run) {
      for (;;) {
        try {
          return await run();
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          world.kill = undefined;
        }
      }
    },
  };
  const history = mortal(sourceOf(() => world));
  return world;

  function mortal<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get(target, name, receiver) {
        const method = Reflect.get(target, name, receiver);
        if (typeof method !== "function") return method;
        return async (...given: unknown[]) => {
          world.calls += 1;
          const last = world.kill?.call === world.calls ? world.kill.when : undefined;
          if (last === "before") throw new Killed();
          const result: unknown = await Reflect.apply(method, target, given);
          if (last === "after") throw new Killed();
          return result;
        };
      },
    });
  }
}

/** Rows in the order of their changes, pages by number; the first page of a reading has a row without key. */
function sourceOf(world: () => EgressWorld): HistorySource {
  const since = (instant: string) =>
    world()
      .rows.filter((row) => row.changedAt >= instant)
      .sort((a, b) => (a.changedAt < b.changedAt ? -1 : 1));
  return {
    async readEvents(instant, cursor, size) {
      const found = since(instant);
      const from = Number(cursor ?? 0);
      const events = found.slice(from, from + size);
      const upTo = events.at(-1)?.changedAt;
      return {
        events,
        skipped: from === 0 ? [{ reason: "no-key", key: "R-1", changedAt: instant }] : [],
        ...(from + size < found.length && { next: String(from + size) }),
        ...(upTo !== undefined && { upTo }),
      };
    },
    oldestChange: async () => since("")[0]?.changedAt,
    countSince: async (instant) => since(instant).length,
  };
}

function sinkOf(world: () => EgressWorld): EgressPorts["sink"] {
  return {
    contacts: async (keys) =>
      new Map(
        keys.map((key): [string, ContactFate] => {
          const master = world().merged.get(key);
          if (world().gone.has(key)) return [key, { state: "gone" }];
          return [key, master ? { state: "merged", id: recordId(Number(master)) } : { state: "here", id: recordId(1) }];
        }),
      ),
    existing: async (_type, ids) => new Set(ids.filter((id) => world().timeline.has(id))),
    write: async (activities) =>
      activities.map((activity) => {
        if (world().timeline.has(activity.id)) return { outcome: "existed" };
        if (activity.event.url === "refused") return { outcome: "refused", code: "0x80040203", message: "no" };
        world().timeline.set(activity.id, activity);
        return { outcome: "written" };
      }),
  };
}
