// The control world with a monitor over it: the ingress flows really run, stop and stand still, and every look is a run of the monitor.

import { countOpen } from "../../shared/control/count-open.js";
import { SyncError } from "../../shared/errors.js";
import { type Watched, watch } from "../../shared/flows/monitor.js";
import type { MonitorLimits, MonitorPorts } from "../../shared/flows/monitor-ports.js";
import { sweep } from "../../shared/flows/sweep.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { makeUsage, type UsageStore } from "../../shared/storage/usage.js";
import { type ControlWorld, makeControlWorld } from "./control-world.js";
import type { WorldOptions } from "./ingress-world.js";

const minuteMs = 60_000;

/** The world. `monitor` may be changed by a test. */
export interface MonitorWorld extends ControlWorld {
  monitor: MonitorPorts;
  tallies: Record<"campaign" | "dynamics" | "lag", UsageStore>;
  /** One run of the monitor. */
  look(): Promise<Watched>;
  /** `minutes` of time: each with a sweep and what is ready worked off, unless left out, and a look at its end. Answers the last. */
  pass(minutes: number, left?: { sweeps?: boolean; works?: boolean }): Promise<Watched>;
}

/** As in production (shared/settings/schema.ts). */
const limits: MonitorLimits = {
  quietMinutes: 15,
  oldestMinutes: 60,
  openFailures: 100,
  stoppedHours: 24,
  tokenDays: 5,
};

/** Makes the world with the monitor's usual limits. */
export async function makeMonitorWorld(options: WorldOptions = {}): Promise<MonitorWorld> {
  const own = await makeControlWorld(options);
  const { world, control, ports, gates } = own;
  const tables = makeMemoryEntityTables();
  await tables.ensure(["usage"]);
  // Nothing flushes by itself here: a count is in the process's memory, and part of what it answers.
  const clock = { now: world.clock.now, sleep: () => new Promise<void>(() => {}) };
  const tally = (prefix: string): UsageStore => makeUsage(tables.table("usage"), clock, prefix);
  const tallies = { campaign: tally(""), dynamics: tally("dynamics-"), lag: tally("lag-") };
  const monitor: MonitorPorts = {
    queues: [world.queue.watch],
    settings: world.ports.settings,
    control,
    gates: { list: async () => gates },
    checkpoints: world.ports.checkpoints,
    openFailures: async () => (await countOpen(ports.failures)).open,
    tallies,
    bringsEvents: false,
    secrets: [],
    limits,
    clock: world.clock,
  };
  const look = (): Promise<Watched> => watch(monitor);
  const sweepOnce = async (): Promise<void> => {
    const pace = { pageSize: 50, maxDepth: 500, lanes: 2, pollMs: 10, followMs: 1_000 };
    await sweep(world.ports, pace, world.clock.now()).catch((error: unknown) => {
      // A run that fails leaves its checkpoints, and the next one comes.
      if (!(error instanceof SyncError)) throw error;
    });
  };
  return {
    ...own,
    monitor,
    tallies,
    look,
    async pass(minutes, { sweeps = true, works = true } = {}) {
      let last = await look();
      for (let minute = 0; minute < minutes; minute += 1) {
        world.clock.advance(minuteMs);
        if (sweeps) await sweepOnce();
        if (works) await world.work();
        last = await look();
      }
      return last;
    },
  };
}

/** Alarms as `code about`. */
export function named({ findings }: Pick<Watched, "findings">): string[] {
  return findings.map(({ code, about }) => [code, about].filter(Boolean).join(" "));
}
