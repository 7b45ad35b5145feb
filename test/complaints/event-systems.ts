// Both simulators and egress between them, in one process on one clock: the product's own HTTP client, its source, sink, ledger and pull. What happens on
// the way to Dynamics is up to the test. What a complaint is about is in the test files.

import { planActivities } from "../../infra/dataverse/activities.js";
import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import { type DataverseCore, makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS, type Switches } from "../../infra/local/dataverse/options.js";
import { contactId, inventContact } from "../../infra/local/scenarios/contacts.js";
import { defaultEventFields } from "../../shared/campaign/event-row.js";
import { makeEventSource } from "../../shared/campaign/event-source.js";
import { makeActivitySink } from "../../shared/dataverse/activities.js";
import { activityTables } from "../../shared/dataverse/activity-tables.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import type { EgressFailure, EgressPorts } from "../../shared/flows/egress-ports.js";
import { type PullPace, type PullResult, pullEvents } from "../../shared/flows/pull-events.js";
import { type HttpRequest, makeHttpClient, type Transport, type Transported } from "../../shared/http/client.js";
import { activityIdOf, type EventType, eventTypes } from "../../shared/model/email-event.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import { makeEventLedger } from "../../shared/storage/event-ledger.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { openGates } from "../support/calm-ports.js";
import { campaignClientOf, campaignHost } from "../support/core-campaign.js";
import { coreWorld, lowerCased, toSimRequest } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";

type Row = Readonly<Record<string, unknown>>;

const minute = 60_000;
const url = new URL("https://dataverse.test");
const tables = activityTables("acs");
const pace: PullPace = {
  pageSize: 100,
  pagesAtOnce: 3,
  narrowMs: 2 * minute,
  wideMs: 30 * minute,
  wideEveryMs: 15 * minute,
};

/** One running app: what it shares with others are Dynamics, Campaign and the tables. */
export interface Instance {
  pull(): Promise<PullResult>;
  ports: EgressPorts;
}

/** Two systems with egress between them. */
export interface EventSystems {
  clock: FixedClock;
  core: DataverseCore;
  /** Someone at work in Dynamics. */
  person: DataverseClient;
  /** What lies between us and Dynamics. */
  between: (request: HttpRequest, pass: () => Promise<Transported>) => Promise<Transported>;
  /** Requests that reached Dynamics for the app: method and path. */
  reached: string[];
  failures: EgressFailure[];
  /** Another instance of the app. */
  instance(): Instance;
  /** Pulls with the first instance. */
  pull(): Promise<PullResult>;
  /** Something happens in Campaign; answers the ids of the activities that are to come of it. */
  happen(type: EventType, contacts: readonly number[], more?: Record<string, unknown>): string[];
  campaign(command: string, body: unknown): unknown;
  /** Rows of the four activity tables. */
  activities(): Row[];
  rows(set: string): Row[];
}

/** Makes them with `contacts` contacts, all types on, tasks for clicks and bounces; the first pull is over. */
export async function makeEventSystems(
  options: { contacts?: number; switches?: Partial<Switches> } = {},
): Promise<EventSystems> {
  const { contacts = 20, switches = {} } = options;
  const clock = fixedClock("2026-03-01T08:00:00Z");
  const core = makeDataverseCore(coreWorld(clock), { switches });
  const campaign = makeCampaignCore(coreWorld(clock));
  const command = (name: string, body: unknown): unknown => campaign.command?.(name, body);
  await core.command?.("seed", {
    set: "contacts",
    rows: Array.from({ length: contacts }, (_, number) => inventContact(number)),
  });

  const arrive: Transport = async (request) => {
    const peer = request.url.host === campaignHost ? campaign : core;
    const asked = toSimRequest(request);
    const entered = peer.enter?.(asked);
    // As over a network: others get their turn before the answer.
    await new Promise((resolve) => setImmediate(resolve));
    const answer = typeof entered === "object" ? entered : await peer.handle(asked);
    if (typeof entered === "function") entered();
    return { status: answer.status, headers: lowerCased(answer.headers), text: answer.body };
  };
  const transport: Transport = (request) => {
    if (request.url.host !== url.host) return arrive(request);
    return systems.between(request, () => {
      systems.reached.push(`${request.method} ${request.url.pathname}`);
      return arrive(request);
    });
  };
  const clientAs = (who: { clientId: string; clientSecret: string }, by: Transport): DataverseClient =>
    makeDynamicsClient(
      { dynamics: { url, auth: { by: "client-secret", authority: url, tenantId: WELL_KNOWN.tenant, ...who } } },
      makeHttpClient({ clock, random: () => 0.5, transport: by }),
      clock,
    );
  const person = clientAs(LOCAL_APPS.editor, arrive);
  const setup = clientAs(LOCAL_APPS.integration, arrive);
  for (const action of await planActivities({ client: setup, clock, prefix: "acs", solution: "acs_campaign" })) {
    await action.run();
  }

  const entities = makeMemoryEntityTables();
  await entities.ensure(["checkpoints", "events"]);
  let batches = 0;
  const newId = (): string => {
    batches += 1;
    return `batch${batches}`;
  };
  const rows = (set: string): Row[] => [...((core.state(set, new URLSearchParams()) as Iterable<Row>) ?? [])];

  const instance = (): Instance => {
    const campaignClient = campaignClientOf(makeHttpClient({ clock, random: () => 0.5, transport }), clock);
    const ports: EgressPorts = {
      source: makeEventSource({
        client: campaignClient,
        clock,
        callMs: 30_000,
        resource: {
          api: "profileAndServicesExt",
          name: "cusEmailEvent",
          order: "lastModified",
          filter: { name: "ModifiedSince", parameter: "since", format: "space" },
        },
        row: { fields: defaultEventFields },
      }),
      sink: makeActivitySink(clientAs(LOCAL_APPS.integration, transport), tables, { tag: "acs-sync", newId, clock }),
      ledger: makeEventLedger(entities.table("events"), clock),
      checkpoints: makeCheckpointStore(entities.table("checkpoints")),
      gates: openGates(),
      clock,
      settings: async () => ({ types: new Set(eventTypes), tasks: new Set<EventType>(["click", "bounce"]) }),
      stopped: async () => undefined,
      binding: async () => ({}),
      failed: async (failure) => void systems.failures.push(failure),
      succeeded: async () => {},
    };
    return { ports, pull: () => pullEvents(ports, pace, clock.now() + 10 * minute) };
  };
  const systems: EventSystems = {
    clock,
    core,
    person,
    between: (_request, pass) => pass(),
    reached: [],
    failures: [],
    instance,
    pull: () => first.pull(),
    happen(type, numbers, more = {}) {
      const happening = numbers.map((number) => ({ type, externalId: contactId(number), ...more }));
      const { events } = command("events", happening) as { events: { eventId: string }[] };
      return events.map(({ eventId }) => activityIdOf({ type, id: eventId }));
    },
    campaign: command,
    activities: () => eventTypes.flatMap((type) => rows(tables[type].set)),
    rows,
  };
  const first = instance();
  await first.pull();
  clock.advance(minute);
  systems.reached.length = 0;
  return systems;
}

/** Ids of rows, sorted. */
export function idsOf(rows: readonly Row[]): string[] {
  return rows.map(({ activityid }) => String(activityid)).sort();
}

/** Numbers from 0. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}
