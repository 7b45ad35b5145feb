// Can this deployment do its work now? Asks every peer once; answers facts, never throws.

import { errorKind, safeMessage } from "../errors.js";
import type { CheckpointStore } from "../storage/checkpoints.js";
import { readAlarms, type StandingAlarm } from "./monitor.js";
import type { ChangeQueue } from "./ports.js";

/** One peer: reachable or not, and what it said. */
export interface Check {
  name: "dynamics and tables" | "campaign" | "service bus";
  ok: boolean;
  ms: number;
  kind?: string;
  problem?: string;
}

/** The whole answer of `GET /api/health`. */
export interface Health {
  status: "ok" | "degraded";
  /** Nothing is written to Dynamics and Campaign. */
  dryRun?: true;
  checks: readonly Check[];
  checkpoints: readonly Readonly<Record<string, string | number | boolean>>[];
  /** What the monitor found at its last look. It degrades nothing: a flow that somebody stopped does not make the app ill. */
  alarms: readonly Pick<StandingAlarm, "code" | "about" | "since">[];
}

/** What is asked. Each may throw; that is its answer. */
export interface HealthProbes {
  now: () => number;
  probeBinding(): Promise<unknown>;
  campaignToken(): Promise<unknown>;
  queue: Pick<ChangeQueue, "depths">;
  isDryRun?: boolean;
  checkpoints: Pick<CheckpointStore, "list" | "read">;
}

/** Asks all peers at once. */
export async function checkHealth(probes: HealthProbes): Promise<Health> {
  const checks = await Promise.all([
    check("dynamics and tables", probes.now, () => probes.probeBinding()),
    check("campaign", probes.now, () => probes.campaignToken()),
    check("service bus", probes.now, () => probes.queue.depths(1)),
  ]);
  const streams = await probes.checkpoints.list("ingress").catch(() => []);
  const { alarms } = await readAlarms(probes.checkpoints).catch(() => ({ alarms: [] }));
  return {
    status: checks.every(({ ok }) => ok) ? "ok" : "degraded",
    ...(probes.isDryRun && { dryRun: true }),
    checks,
    checkpoints: streams.map(({ stream, values }) => ({ stream, ...withoutLinks(values) })),
    alarms: alarms.map(({ code, about, since }) => ({ code, ...(about !== undefined && { about }), since })),
  };
}

async function check(name: Check["name"], now: () => number, ask: () => Promise<unknown>): Promise<Check> {
  const started = now();
  try {
    await ask();
    return { name, ok: true, ms: now() - started };
  } catch (error) {
    return { name, ok: false, ms: now() - started, kind: errorKind(error), problem: safeMessage(error) };
  }
}

/** Links are opaque and long, and of no use to a reader. */
function withoutLinks<T>(values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name !== "link" && name !== "cursor"));
}
