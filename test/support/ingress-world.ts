// The in-process world of ingress tests (design.md §10): real flows and adapters, Campaign's simulator core, memory bus and tables, one
// clock. Any call of a port can be made the last one before a kill.

import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import type { InstanceConfiguration } from "../../infra/local/campaign/model/instance.js";
import type { SimCore, SimResponse } from "../../infra/local/sim/types.js";
import { makeOptOutPages } from "../../shared/campaign/opt-out-pages.js";
import { makeOptOutSource } from "../../shared/campaign/opt-out-source.js";
import { makeCampaignOptOuts } from "../../shared/campaign/opt-outs.js";
import { makeCampaignRecords } from "../../shared/campaign/records.js";
import { makeCampaignSource } from "../../shared/campaign/source.js";
import { handleMessage } from "../../shared/flows/handle-message.js";
import type { OptOutSource } from "../../shared/flows/optout-source.js";
import type { IngressPorts } from "../../shared/flows/ports.js";
import type { ReconcilePorts } from "../../shared/flows/reconcile-ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { type MemoryChangeQueue, makeMemoryChangeQueue } from "../../shared/messaging/memory-queue.js";
import { tableNames } from "../../shared/services.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import { makeChildLinks } from "../../shared/storage/child-links.js";
import { type DecisionStore, makeDecisionStore } from "../../shared/storage/decisions.js";
import { type FailureStore, makeFailureStore } from "../../shared/storage/failures.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { makeDifferenceStore } from "../../shared/storage/reconciliations.js";
import { makeSyncStateStore } from "../../shared/storage/sync-state.js";
import { openControl, openGates, settingsOf } from "./calm-ports.js";
import { coreCampaign } from "./core-campaign.js";
import { coreWorld } from "./core-http.js";
import { type FixedClock, fixedClock } from "./fixed-clock.js";
import { type MemoryDynamics, makeMemoryDynamics } from "./memory-dynamics.js";

/** The process died at this call. */
export class Killed extends Error {}

/** When to die: at the `call`-th call of any port from now, before or after it took effect. */
export interface KillPlan {
  call: number;
  when: "before" | "after";
}

/** A call of Campaign's engine as it was sent. */
export interface CampaignRequest {
  method: string;
  path: string;
  body: unknown;
}

/** What a test sees of a profile. */
export type Profile = Readonly<Record<string, unknown>>;

/** The world. `ports` are those of the living process: after a kill every call fails until `restart`. */
export interface IngressWorld {
  clock: FixedClock;
  dynamics: MemoryDynamics;
  queue: MemoryChangeQueue;
  failures: FailureStore;
  /** What was decided on opt-outs. */
  decisions: DecisionStore;
  ports: IngressPorts;
  /** The same, with what comparing existing opt-outs needs besides; `stopped`: why an operator holds them. */
  reconcile: ReconcilePorts;
  /** Whose opt-outs moved in Campaign, by the filter of the guide. */
  moved: OptOutSource;
  /** The mapping in force of a table. */
  mapping(table: string): CompiledMapping;
  killAt(plan: KillPlan): void;
  /** Calls made of any port since `killAt` or the start. */
  calls(): number;
  isDead(): boolean;
  /** A new process: what was in hand is free again, and nothing is planned to die. */
  restart(): void;
  /** Handles what is ready now. */
  work(): Promise<void>;
  /** Ports of a process that sweeps while the lanes work: whenever the sweep sleeps, what is ready is handled. */
  busyPorts(): IngressPorts;
  /** Handles messages until none is left, moving the clock to what is scheduled. Throws Killed when the process dies. */
  drain(): Promise<void>;
  profiles(): Profile[];
  /** Visible records of any resource. */
  records(resource: string): Profile[];
  /** Publishes mappings; they hold from the next message on. */
  publish(mappings: readonly CompiledMapping[]): void;
  /** Engine calls of Campaign so far. */
  campaignCalls(): number;
  /** Bodies written to one profile, as hashes, in order. */
  writes(key: string): { method: string; sha256: string }[];
  campaignCommand(name: string, body: unknown): unknown;
  /** Rows read from Dynamics one by one so far. */
  reads(): number;
  /** Every call of Campaign's engine so far, in order. */
  requests: CampaignRequest[];
  /** What happens inside Campaign before a call of its engine is answered. */
  meanwhile: (request: CampaignRequest) => void;
  /** Sees the body of every answer of the engine that is an object, and may change it. */
  tamper: (path: string, body: Record<string, unknown>) => void;
  /** Makes Campaign's engine answer its next write with this text. */
  refuseNext(text: string): { struck(): number };
}

const budgetMs = 4_000;

/** How a world differs from the usual one: `mapping` stands in for the shipped ones. */
export interface WorldOptions {
  lanes?: number;
  iso?: string;
  mapping?: CompiledMapping;
  mappings?: readonly CompiledMapping[];
  /** What Campaign is, if not the default instance. */
  campaign?: InstanceConfiguration;
  /** Switches of its simulator. */
  switches?: Record<string, unknown>;
}

/** Makes an empty world at `iso`. */
export async function makeIngressWorld(options: WorldOptions = {}): Promise<IngressWorld> {
  const { lanes = 2, iso = "2026-03-01T00:00:00Z", mapping } = options;
  const mappings = options.mappings ?? (mapping ? [mapping] : [...shippedMappings().values()]);
  const clock = fixedClock(iso);
  const world = coreWorld(clock);
  const campaignCore = makeCampaignCore(world, {
    ...(options.campaign && { configuration: options.campaign }),
    ...(options.switches && { settings: options.switches }),
  });
  let refusal: string | undefined;
  let struck = 0;
  const campaignPeer: SimCore = {
    ...campaignCore,
    async handle(request) {
      if (request.path.startsWith("/ims/")) return campaignCore.handle(request);
      const { method, path, body } = request;
      const sent = { method, path, body: body === "" ? undefined : JSON.parse(body) };
      self.requests.push(sent);
      self.meanwhile(sent);
      if (refusal === undefined || method === "GET") return tampered(path, await campaignCore.handle(request));
      const message = refusal;
      refusal = undefined;
      struck += 1;
      return { status: 500, headers: {}, body: JSON.stringify({ error_code: "500", message }) };
    },
  };
  const tampered = (path: string, response: SimResponse): SimResponse => {
    if (response.status >= 300 || response.body === "") return response;
    const body: unknown = JSON.parse(response.body);
    if (typeof body !== "object" || body === null) return response;
    self.tamper(path, body as Record<string, unknown>);
    return { ...response, body: JSON.stringify(body) };
  };
  const campaignClient = coreCampaign(campaignPeer, clock, { timeoutMs: budgetMs });
  const campaign = makeCampaignRecords(campaignClient);
  const dynamics = makeMemoryDynamics({ clock });
  let reads = 0;
  const { fetchRow } = dynamics;
  dynamics.fetchRow = (mapping, id) => {
    reads += 1;
    return fetchRow(mapping, id);
  };
  const queue = makeMemoryChangeQueue({ lanes, clock });
  const tables = makeMemoryEntityTables();
  await tables.ensure(tableNames);
  const failures = makeFailureStore(tables.table("failures"), clock);
  const decisions = makeDecisionStore(tables.table("decisions"), clock);

  let made = 0;
  let plan: KillPlan | undefined;
  let dead = false;
  /** Every method of a port counts as a call and may be the last. */
  const mortal = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get(target, name, receiver) {
        const method = Reflect.get(target, name, receiver);
        if (typeof method !== "function") return method;
        const arrive = (): KillPlan["when"] | undefined => {
          if (dead) throw new Killed();
          made += 1;
          const last = plan?.call === made ? plan.when : undefined;
          if (last === "before") die();
          return last;
        };
        if (method.constructor.name === "AsyncGeneratorFunction") {
          return async function* (...given: unknown[]) {
            const last = arrive();
            yield* Reflect.apply(method, target, given) as AsyncIterable<unknown>;
            if (last === "after") die();
          };
        }
        return async (...given: unknown[]) => {
          const last = arrive();
          const result: unknown = await Reflect.apply(method, target, given);
          if (last === "after") die();
          return result;
        };
      },
    });
  const die = (): never => {
    dead = true;
    throw new Killed();
  };
  const state = (set: string, query = ""): unknown => campaignCore.state(set, new URLSearchParams(query));

  const settings = settingsOf(new Map(mappings.map((one) => [one.table.name, one])));
  const ports: IngressPorts = {
    settings: settings.source,
    control: openControl(),
    gates: openGates(),
    binding: async () => ({ organizationId: "org", campaignTenant: "acme", epoch: 1, createdAt: iso }),
    dynamics: mortal(dynamics),
    campaign: mortal(campaign),
    campaignSource: mortal(makeCampaignSource(campaignClient)),
    queue: mortal(queue),
    states: mortal(makeSyncStateStore(tables.table("syncstate"))),
    links: mortal(makeChildLinks(tables.table("links"), clock)),
    checkpoints: mortal(makeCheckpointStore(tables.table("checkpoints"))),
    failures: mortal(failures),
    optOuts: {
      campaign: mortal(makeCampaignOptOuts(campaignClient, clock, budgetMs)),
      dynamics: mortal(dynamics.optOuts),
      decisions: mortal(decisions),
    },
    clock,
    fingerprintKey: "fingerprint-key-of-tests",
    campaignBudgetMs: budgetMs,
    ownTag: "acs-sync",
  };

  const reconcile: ReconcilePorts = {
    ...ports,
    pages: mortal(makeOptOutPages(campaignClient, clock, budgetMs)),
    differences: mortal(makeDifferenceStore(tables.table("reconciliations"), clock)),
    stopped: async () => undefined,
  };

  const handleOne = async (lane: string): Promise<void> => {
    const delivery = queue.receive(lane);
    if (!delivery) return;
    try {
      await handleMessage(ports, delivery.body, () => {});
    } catch (error) {
      if (dead) throw error;
      queue.abandon(delivery);
      return;
    }
    // Killed after the work, before the completion.
    if (dead) throw new Killed();
    queue.complete(delivery);
  };

  const work = async (): Promise<void> => {
    for (let ready = queue.readyLanes(); ready.length > 0; ready = queue.readyLanes()) {
      for (const lane of ready) await handleOne(lane);
    }
  };

  const self: IngressWorld = {
    requests: [],
    meanwhile: () => {},
    tamper: () => {},
    work,
    busyPorts: () => ({
      ...ports,
      clock: {
        now: () => clock.now(),
        async sleep(ms) {
          await work();
          await clock.sleep(ms);
        },
      },
    }),
    clock,
    dynamics,
    queue,
    failures,
    decisions,
    ports,
    reconcile,
    moved: mortal(
      makeOptOutSource({
        client: campaignClient,
        clock,
        callMs: budgetMs,
        by: "times",
        filter: { name: "OptOutsSince", parameter: "since", format: "space" },
      }),
    ),
    mapping(table) {
      const mapping = settings.mappings().get(table);
      if (!mapping) throw new Error(`no mapping for ${table}`);
      return mapping;
    },
    killAt(next) {
      made = 0;
      plan = next;
    },
    calls: () => made,
    isDead: () => dead,
    restart() {
      dead = false;
      plan = undefined;
      queue.release();
    },
    async drain() {
      for (let turns = 0; turns < 10_000; turns += 1) {
        await work();
        const due = queue.nextDueAt();
        if (due === undefined) return;
        clock.advance(Math.max(0, due - clock.now()));
      }
      throw new Error("the queue does not run dry");
    },
    records: (resource) =>
      [...(state(resource) as Iterable<{ record: Profile; hidden?: boolean }>)]
        .filter(({ hidden }) => hidden !== true)
        .map(({ record }) => record),
    publish: (next) => settings.publish(new Map(next.map((one) => [one.table.name, one]))),
    profiles: () => [...(state("profile") as Iterable<{ record: Profile }>)].map(({ record }) => record),
    campaignCalls: () => (state("calls") as { total: number }).total,
    writes: (key) => (state("writes", `key=${key}`) as Record<string, { method: string; sha256: string }[]>)[key] ?? [],
    campaignCommand: (name, body) => campaignCore.command?.(name, body),
    reads: () => reads,
    refuseNext(text) {
      refusal = text;
      return { struck: () => struck };
    },
  };
  return self;
}
