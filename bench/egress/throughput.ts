// How fast a backlog of events is written while the simulated servers enforce their service protection limits (facts/dataverse.md §7), against the
// fastest that these limits, the hint of parallel requests and the time of an operation allow.

import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, BenchOptions, Result } from "../bench.js";
import { processorMs } from "../measure.js";
import {
  type Asked,
  type EventSystem,
  type Happening,
  inventEvents,
  leastOperations,
  withEvents,
} from "./event-system.js";

const part = "egress-throughput";
/** An operation of a batch takes so long (the samples of facts/dataverse.md §7: 100 rows in 4 s), and every request so much on the way. */
const [operationMs, roundTripMs] = [40, 50];
const hint = 10;
/** As documented: four seconds of execution a second, and twenty requests. */
const limits = { limitRequests: 6_000, limitExecutionMs: 1_200_000, limitWindowSeconds: 300 };
const contacts = 500;
const happenAtOnce = 2_000;

/** Once within the budget of one window, where only parallel requests are limited; once for so long that the budget is what limits. */
export const throughput: Bench = {
  name: part,
  run: async (options) => [
    ...(await withEvents({ contacts }, (system) => burst(system, options))),
    ...(await withEvents({ contacts }, (system) => sustained(system, options))),
  ],
};

async function burst(system: EventSystem, { say }: BenchOptions): Promise<Result[]> {
  // Three quarters of what a window's budget allows.
  const events = inventEvents(10_000, contacts);
  await enforce(system, limits);
  const before = await system.asked();
  const hostMs = processorMs(system.host.pid);
  say(`${events.length} events at once`);
  await happen(system, events);
  const startedAt = performance.now();
  const endedAt = await system.activitiesReach(events.length, 600_000);
  const after = await system.asked();
  const bestMs = (operationsOf(events) * operationMs) / hint;
  say(describe(before, after));
  return results("a backlog within the budget", {
    ratio: bestMs / (endedAt - startedAt),
    eventsPerSecond: (1_000 * events.length) / (endedAt - startedAt),
    throttled: throttledShare(before, after),
    busy: busyMs(before, after) / (operationsOf(events) * operationMs),
    hostMs: (processorMs(system.host.pid) - hostMs) / events.length,
  });
}

async function sustained(system: EventSystem, { full, say }: BenchOptions): Promise<Result[]> {
  const windows = full ? 3 : 1;
  const windowMs = 1_000 * limits.limitWindowSeconds;
  await enforce(system, limits);
  const sample = inventEvents(1_000, contacts);
  // What the execution time of a window allows; its requests allow more than ten times as much.
  const allowed = limits.limitExecutionMs / ((operationsOf(sample) / sample.length) * operationMs);
  const events = inventEvents(Math.ceil((windows + 1) * allowed), contacts);
  await happen(system, events);
  await system.activitiesReach(1, 60_000);
  say(
    `${events.length} events at once; measuring ${windows} × ${limits.limitWindowSeconds} s from in half a minute on`,
  );
  await sleep(30_000);

  // Whole windows from wherever one is in them: once the budget has been used up, each holds one budget.
  const [before, hostMs] = [await system.asked(), processorMs(system.host.pid)];
  const first = { at: performance.now(), count: await system.activityCount() };
  await sleep(windows * windowMs);
  const last = { at: performance.now(), count: await system.activityCount() };
  const after = await system.asked();
  if (last.count >= events.length) say("all were written before the end: these numbers are too low");
  say(describe(before, after));
  const count = last.count - first.count;
  return results("a backlog beyond the budget", {
    ratio: count / (((last.at - first.at) / windowMs) * allowed),
    eventsPerSecond: (1_000 * count) / (last.at - first.at),
    throttled: throttledShare(before, after),
    busy: busyMs(before, after) / ((count * operationsOf(sample) * operationMs) / sample.length),
    hostMs: (processorMs(system.host.pid) - hostMs) / count,
  });
}

async function enforce(system: EventSystem, given: Readonly<Record<string, number>>): Promise<void> {
  await system.observer.slow("campaign", roundTripMs);
  await system.observer.slow("dataverse", roundTripMs);
  await system.tell("dataverse", "switches", { ...given, limits: "on", operationMs, dopHint: hint });
}

async function happen(system: EventSystem, events: readonly Happening[]): Promise<void> {
  for (let start = 0; start < events.length; start += happenAtOnce) {
    await system.happen(events.slice(start, start + happenAtOnce));
  }
}

function operationsOf(events: readonly Happening[]): number {
  return events.reduce((sum, event) => sum + leastOperations(event), 0);
}

function throttledShare(before: Asked, after: Asked): number {
  return (1_000 * (after.throttled - before.throttled)) / (after.requests - before.requests);
}

/** How long Dynamics was at work on what it was asked in between, all requests together. */
function busyMs(before: Asked, after: Asked): number {
  const sum = ({ counts }: Asked): number =>
    Object.values(counts).reduce((total, { count, meanMs }) => total + count * meanMs, 0);
  return sum(after) - sum(before);
}

function describe(before: Asked, after: Asked): string {
  const batches = after.counts["POST /api/data/v9.2/$batch"];
  return `${after.requests - before.requests} requests, ${after.operations - before.operations} operations, a batch takes ${batches?.meanMs} ms`;
}

interface Measured {
  ratio: number;
  eventsPerSecond: number;
  throttled: number;
  /** Times the operations' own time. */
  busy: number;
  hostMs: number;
}

function results(what: string, { ratio, eventsPerSecond, throttled, busy, hostMs }: Measured): Result[] {
  const none = { goal: null, better: "lower" } as const;
  return [
    { name: `${part} ${what}, against the optimum`, value: ratio, unit: "ratio", goal: 0.9, better: "higher" },
    { name: `${part} ${what}, speed`, value: eventsPerSecond, unit: "events/s", goal: null, better: "higher" },
    {
      name: `${part} ${what}, answers 429 per thousand requests`,
      value: throttled,
      unit: "429s",
      goal: 1,
      better: "lower",
    },
    { name: `${part} ${what}, time at the simulator against its operations'`, value: busy, unit: "ratio", ...none },
    { name: `${part} ${what}, the host's processor time an event`, value: hostMs, unit: "ms", ...none },
  ];
}
