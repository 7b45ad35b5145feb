// The whole product with e-mail events switched on and nothing else to do: contacts in Dynamics, a host that pulls, and a Campaign in which something
// happens when it is told to. What is measured is in the other files.

import { setTimeout as sleep } from "node:timers/promises";
import { eventSettings, makeActivityTables } from "../../infra/local/events-job.js";
import { eventually } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { openState } from "../../infra/local/state.js";
import { activityTables } from "../../shared/dataverse/activity-tables.js";
import { type EventType, eventTypes } from "../../shared/model/email-event.js";
import { type System, withSystem } from "../ingress/system.js";

/** The activity tables, as in the app's settings. */
export const tables = activityTables("acs");

/** An event as Campaign's simulator is told of it. */
export interface Happening {
  type: EventType;
  externalId: string;
  url?: string;
}

/** A running product whose first pull is over: what happens from now on counts. */
export interface EventSystem extends System {
  host: LocalProcess;
  /** Makes these happen in Campaign. */
  happen(events: readonly Happening[]): Promise<void>;
  /** Events staged in Campaign so far. */
  staged(): Promise<Readonly<Record<string, unknown>>[]>;
  /** How many activities Dynamics holds. */
  activityCount(): Promise<number>;
  /** Waits until there are that many; answers when it was seen, in ms of `performance.now()`. */
  activitiesReach(count: number, withinMs: number): Promise<number>;
  /** What Dynamics was asked so far: requests, the operations in them, answers 429. */
  asked(): Promise<Asked>;
}

/** See `asked`; `requests` by method and path. */
export interface Asked {
  at: number;
  requests: number;
  operations: number;
  throttled: number;
  counts: Readonly<Record<string, { count: number; meanMs: number }>>;
}

/** `before`: what happens before anybody pulls; `env` is the host's, beside its settings. */
export interface EventSystemOptions {
  contacts: number;
  settings?: Record<string, string>;
  before?: (system: System) => Promise<void>;
  env?: Record<string, string>;
}

/** Starts it with `contacts` contacts, hands it to `measure`, and ends every process of it. */
export function withEvents<Answer>(
  { contacts, settings = {}, before, env = {} }: EventSystemOptions,
  measure: (system: EventSystem) => Promise<Answer>,
): Promise<Answer> {
  // Contacts need no profiles here: the sweep would only ask Dynamics for things that are not measured.
  const quiet = { SWEEP_SCHEDULE: "0 0 0 1 1 *" };
  return withSystem({ contacts, settings: { ...eventSettings, ...quiet, ...settings } }, async (system) => {
    await makeActivityTables(system.runtime.settings);
    await before?.(system);
    const host = await system.startHost({ webhook: false, env });
    const { checkpoints } = openState(String(system.runtime.settings.TABLES));
    await eventually("the first pull", () => checkpoints.read("egress", "events").catch(() => undefined));
    return measure(toEventSystem(system, host));
  });
}

function toEventSystem(system: System, host: LocalProcess): EventSystem {
  const activityCount = async (): Promise<number> => {
    const { rows } = (await system.look("dataverse", "state/summary")) as { rows: Record<string, number> };
    return eventTypes.reduce((sum, type) => sum + (rows[tables[type].set] ?? 0), 0);
  };
  return {
    ...system,
    host,
    activityCount,
    happen: async (events) => void (await system.tell("campaign", "events", events)),
    staged: async () => (await system.observer.records("cusEmailEvent")).map(({ record }) => record),
    activitiesReach: (count, withinMs) =>
      eventually(
        `${count} activities`,
        async () => ((await activityCount()) >= count ? performance.now() : undefined),
        { withinMs, everyMs: 20 },
      ),
    async asked() {
      const log = (await system.look("dataverse", "requests?limit=0")) as {
        total: number;
        counts: Record<string, { count: number; meanMs: number; status: Record<string, number> }>;
      };
      const { operations } = (await system.look("dataverse", "state/summary")) as { operations: number };
      const throttled = Object.values(log.counts).reduce((sum, { status }) => sum + (status["429"] ?? 0), 0);
      return { at: performance.now(), requests: log.total, operations, throttled, counts: log.counts };
    },
  };
}

/** Invented events of so many contacts: of twenty, eleven are sent, five opened, three clicked, one bounced. */
export function inventEvents(count: number, contacts: number): Happening[] {
  return Array.from({ length: count }, (_, index) => {
    const turn = index % 20;
    const type = turn < 11 ? "send" : turn < 16 ? "open" : turn < 19 ? "click" : "bounce";
    const externalId = contactId(index % contacts);
    return { type, externalId, ...(type === "click" && { url: `https://www.example.com/offer/${index}` }) };
  });
}

/** How many requests one by one, or operations in batches, an event is at least: created, completed, and its task. */
export function leastOperations({ type }: Happening): number {
  return type === "click" || type === "bounce" ? 3 : 2;
}

/** Waits until Dynamics has been left alone for a second. */
export async function calmDynamics({ asked }: EventSystem): Promise<void> {
  let before = -1;
  for (let now = (await asked()).requests; now !== before; now = (await asked()).requests) {
    before = now;
    await sleep(1_500);
  }
}
