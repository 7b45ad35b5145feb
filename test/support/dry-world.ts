// Two deployments of the same app on the same state, one of them a dry run: what that one says is held against what the real one then does.

import { makeDryRun } from "../../shared/compose/dry-run.js";
import type { DryEntry } from "../../shared/flows/dry-run-ports.js";
import type { LoadPace } from "../../shared/flows/fill-lanes.js";
import { handleMessage } from "../../shared/flows/handle-message.js";
import type { IngressPorts } from "../../shared/flows/ports.js";
import { sweep } from "../../shared/flows/sweep.js";
import { type MemoryChangeQueue, makeMemoryChangeQueue } from "../../shared/messaging/memory-queue.js";
import { tableNames } from "../../shared/services.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import { makeChildLinks } from "../../shared/storage/child-links.js";
import { makeDecisionStore } from "../../shared/storage/decisions.js";
import type { EntityTable } from "../../shared/storage/entity-table.js";
import type { EntityTables } from "../../shared/storage/entity-tables.js";
import { makeFailureStore } from "../../shared/storage/failures.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { makeSyncStateStore } from "../../shared/storage/sync-state.js";
import { type IngressWorld, Killed, type KillPlan, makeIngressWorld, type WorldOptions } from "./ingress-world.js";

/** One of both, at work. */
export interface Deployment {
  ports: IngressPorts;
  queue: MemoryChangeQueue;
  /** Starts it. */
  ready(): Promise<void>;
  /** Sweeps, and handles messages until none is left. Answers what became of each, by `<table> <outcome>`. */
  run(): Promise<Record<string, number>>;
  /** The same without the sweep. */
  drain(): Promise<Record<string, number>>;
}

/** Both, and what they work on. */
export interface DryWorld {
  world: IngressWorld;
  dry: Deployment;
  real: Deployment;
  /** What the dry run noted, by `<system> <table> <outcome>`. */
  report(): Promise<Record<string, number>>;
  notes(): Promise<DryEntry[]>;
  /** Ids of the decisions on opt-outs that the dry run made. */
  decided(): Promise<string[]>;
  /** Everything in the real tables. */
  realState(): Promise<unknown[]>;
  /** Requests to Campaign that were no reads, so far. */
  campaignWrites(): string[];
  /** The process dies at the `call`-th use of a table from now, before or after it took effect. */
  killAt(plan: KillPlan): void;
  /** Uses of tables since then, or since the start. */
  uses(): number;
  /** A new process: what was in hand is free again, and nothing is planned to die. */
  restart(): void;
}

const pace: LoadPace = { pageSize: 3, maxDepth: 1_000, lanes: 2, pollMs: 10, followMs: 1_000 };

/** Makes both, on nothing yet. */
export async function makeDryWorld(options: WorldOptions = {}): Promise<DryWorld> {
  const world = await makeIngressWorld(options);
  const { clock } = world;
  const base = makeMemoryEntityTables();
  await base.ensure(tableNames);
  let [used, plan]: [number, KillPlan | undefined] = [0, undefined];
  const use = async <T>(call: () => Promise<T>): Promise<T> => {
    used += 1;
    const last = plan?.call === used ? plan.when : undefined;
    if (last === "before") throw new Killed();
    const result = await call();
    if (last === "after") throw new Killed();
    return result;
  };
  const mortal = (table: EntityTable): EntityTable => ({
    get: (...given) => use(() => table.get(...given)),
    insert: (...given) => use(() => table.insert(...given)),
    replace: (...given) => use(() => table.replace(...given)),
    remove: (...given) => use(() => table.remove(...given)),
    list: (...given) => table.list(...given),
  });
  const dryRun = makeDryRun({ ...base, table: (name) => mortal(base.table(name)) }, tableNames, clock);

  const portsOver = (tables: Pick<EntityTables, "table">, queue: MemoryChangeQueue): IngressPorts => ({
    ...world.ports,
    queue,
    states: makeSyncStateStore(tables.table("syncstate")),
    links: makeChildLinks(tables.table("links"), clock),
    checkpoints: makeCheckpointStore(tables.table("checkpoints")),
    failures: makeFailureStore(tables.table("failures"), clock),
    optOuts: { ...world.ports.optOuts, decisions: makeDecisionStore(tables.table("decisions"), clock) },
  });
  const deployment = (isDry: boolean): Deployment => {
    const queue = makeMemoryChangeQueue({ lanes: 2, clock });
    const ports = isDry ? dryRun.ports(portsOver(dryRun.tables, queue)) : portsOver(base, queue);
    const drain = async (): Promise<Record<string, number>> => {
      const outcomes: string[] = [];
      for (let lane = await nextLane(queue, clock); lane !== undefined; lane = await nextLane(queue, clock)) {
        const delivery = queue.receive(lane);
        if (!delivery) continue;
        await handleMessage(ports, delivery.body, async (handled) => {
          outcomes.push(`${handled.envelope.table} ${handled.result.outcome}`);
          if (isDry) await dryRun.look(handled);
        });
        queue.complete(delivery);
      }
      return tally(outcomes);
    };
    const ready = async (): Promise<void> => (isDry ? dryRun.tables.ensure(tableNames) : undefined);
    return {
      ports,
      queue,
      ready,
      drain,
      async run() {
        await ready();
        await sweep(ports, pace, clock.now() + 60_000);
        return drain();
      },
    };
  };

  const notes = async (): Promise<DryEntry[]> => {
    const found: DryEntry[] = [];
    for await (const entry of dryRun.run.list({})) found.push(entry);
    return found;
  };
  const decided = async (): Promise<string[]> => {
    const found: string[] = [];
    const { list } = makeDecisionStore(dryRun.tables.table("decisions"), clock);
    for await (const { decision } of list({})) found.push(decision.id);
    return found;
  };
  const [dry, real] = [deployment(true), deployment(false)];
  return {
    world,
    dry,
    real,
    killAt(next) {
      used = 0;
      plan = next;
    },
    uses: () => used,
    decided,
    restart() {
      plan = undefined;
      dry.queue.release();
    },
    notes,
    report: async () => tally((await notes()).map(({ side, table, note }) => `${side} ${table} ${note.outcome}`)),
    async realState() {
      const found: unknown[] = [];
      for (const name of tableNames) for await (const entity of base.table(name).list()) found.push([name, entity]);
      return found;
    },
    campaignWrites: () =>
      world.requests.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`),
  };
}

async function nextLane(queue: MemoryChangeQueue, clock: IngressWorld["clock"]): Promise<string | undefined> {
  const [lane] = queue.readyLanes();
  const due = queue.nextDueAt();
  if (lane !== undefined || due === undefined) return lane;
  clock.advance(Math.max(0, due - clock.now()));
  return queue.readyLanes()[0];
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
