// Looks at everything once, from outside the flows: they may stand still. Whether what is seen is worth an alarm is judge.ts, how it is written down
// gauges.ts. Only Table Storage and the queues are asked, neither Dynamics nor Campaign.

import { safeMessage } from "../errors.js";
import { type WorkflowName, workflowNames } from "../model/workflow.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import type { Parking } from "../storage/control.js";
import type { GateStatus } from "../storage/gates.js";
import { readBackfill } from "./backfill-order.js";
import { deltaStream } from "./follow-changes.js";
import { fullReadStream, isReading } from "./full-read.js";
import type { MonitorPorts, QueueSight } from "./monitor-ports.js";
import { readPull } from "./pull-events.js";
import { optOutCheckpoint, pulledMapping } from "./pull-opt-outs.js";
import { readRunNotes } from "./run-notes.js";

/** A queue as it was seen, or why it was not. */
export type SeenQueue = { queue: string } & (QueueSight | { problem: string });

/** A workflow. `isOn`: it is wanted at all in this deployment; `at` (epoch ms): its last success; `moved` changes whenever it gets anywhere. */
export interface SeenWorkflow {
  name: WorkflowName;
  isOn: boolean;
  isStopped: boolean;
  /** What is queued is worked off, running or not. */
  drains: boolean;
  /** Since when it is stopped (epoch ms). */
  stoppedSince?: number;
  at?: number;
  moved: string;
}

/** A mapped table. `lookedAt` (epoch ms): its changes were read, and its token was given, last. */
export interface SeenTable {
  table: string;
  parked?: Parking;
  lookedAt?: number;
  /** Rows of the full read under way. */
  fullRead?: number;
}

/** Everything at one moment (epoch ms). `tallies`: counts since the look before. */
export interface Seen {
  now: number;
  queues: readonly SeenQueue[];
  workflows: readonly SeenWorkflow[];
  tables: readonly SeenTable[];
  closedGates: readonly { peer: GateStatus["peer"]; since: number; reason: string }[];
  openFailures: number;
  backfill?: { rows: number; expected: number };
  tallies: Tallies;
}

/** Counts by what is counted. */
export type Tallies = Readonly<Record<TallyName, Readonly<Record<string, number>>>>;
/** See `Tallies`; `campaign` and `dynamics`: calls by purpose, `lag`: changes by how late they were written. */
export type TallyName = keyof MonitorPorts["tallies"];

/** All counts of a day, as they were at the last look. */
export interface Counted {
  day: string;
  tallies: Tallies;
}

/** Counting messages goes no further. */
const mostCounted = 2_000;

/** Looks once; `before`: the counts at the look before. Throws UnavailableError when Table Storage cannot be read. */
export async function measure(
  ports: MonitorPorts,
  before: Counted | undefined,
): Promise<{ seen: Seen; counted: Counted }> {
  const { clock, checkpoints } = ports;
  const [queues, control, settings, gates, ingress, openFailures, backfill] = await Promise.all([
    Promise.all(ports.queues.map(lookAt)),
    ports.control.read(),
    ports.settings.current(),
    ports.gates.list(),
    checkpoints.list("ingress"),
    ports.openFailures(),
    readBackfill(checkpoints),
  ]);
  const now = clock.now();
  const streams = new Map(ingress.map(({ stream, values }) => [stream, values]));
  const tables = [...settings.mappings.keys()].map((table) => seenTable(table, streams, control.parked.get(table)));
  const looks = tables.flatMap(({ lookedAt }) => (lookedAt === undefined ? [] : [lookedAt]));
  const counted = await count(ports, now);
  const workflow = (name: WorkflowName, rest: Pick<SeenWorkflow, "isOn" | "moved"> & { at?: number | undefined }) => {
    const { wanted, drain, since } = control.workflows[name];
    const isStopped = wanted === "stopped";
    const { at, ...others } = rest;
    return {
      ...{ name, isStopped, drains: !isStopped || drain, ...others },
      ...optional("stoppedSince", isStopped ? timeOf(since) : undefined),
      ...optional("at", at),
    };
  };
  const seen: Record<WorkflowName, () => Promise<SeenWorkflow>> = {
    ingress: async () => {
      const at = looks.length === 0 ? undefined : Math.max(...looks);
      return workflow("ingress", { isOn: tables.some(({ parked }) => !parked), at, moved: String(at) });
    },
    egress: async () => {
      const [{ lastSuccessAt }, pull] = await Promise.all([readRunNotes(ports), readPull(checkpoints)]);
      // A long run has no end yet, and saves every page.
      const moved = `${lastSuccessAt} ${pull.at}`;
      return workflow("egress", { isOn: ports.bringsEvents, at: timeOf(lastSuccessAt), moved });
    },
    optout: async () => {
      const values = (await checkpoints.read(optOutCheckpoint.flow, optOutCheckpoint.stream))?.values;
      const isOn = pulledMapping(settings) !== undefined;
      return workflow("optout", { isOn, at: timeOf(values?.at), moved: String(values?.at) });
    },
  };
  return {
    counted,
    seen: {
      now,
      queues,
      workflows: await Promise.all(workflowNames.map((name) => seen[name]())),
      tables,
      closedGates: gates
        .filter(({ state }) => state !== "open")
        .map(({ peer, since, reason = "" }) => ({ peer, since: timeOf(since) ?? now, reason })),
      openFailures,
      ...(backfill?.phase === "reading" && { backfill: { rows: backfill.sums.rows, expected: backfill.expected } }),
      tallies: await sinceThen(ports, before, counted),
    },
  };
}

async function lookAt(watch: MonitorPorts["queues"][number]): Promise<SeenQueue> {
  try {
    return { queue: watch.queue, ...(await watch.look(mostCounted)) };
  } catch (error) {
    return { queue: watch.queue, problem: safeMessage(error) };
  }
}

function seenTable(
  table: string,
  streams: ReadonlyMap<string, Checkpoint["values"]>,
  parked: Parking | undefined,
): SeenTable {
  const full = streams.get(fullReadStream(table));
  const isUnderWay = full !== undefined && isReading({ values: full });
  return {
    table,
    ...(parked && { parked }),
    ...optional("lookedAt", timeOf(streams.get(deltaStream(table))?.at)),
    ...optional("fullRead", isUnderWay ? Number(full.count ?? 0) : undefined),
  };
}

const tallyNames: readonly TallyName[] = ["campaign", "dynamics", "lag"];

async function count({ tallies }: Pick<MonitorPorts, "tallies">, now: number): Promise<Counted> {
  const day = new Date(now).toISOString().slice(0, 10);
  const counts = tallyNames.map(async (name) => [name, Object.fromEntries(await tallies[name].usageOf(day))] as const);
  return { day, tallies: Object.fromEntries(await Promise.all(counts)) as Tallies };
}

/** What was counted since the look before; after midnight also what was left of its day. */
async function sinceThen(
  ports: Pick<MonitorPorts, "tallies">,
  before: Counted | undefined,
  now: Counted,
): Promise<Tallies> {
  if (before === undefined) return empty;
  if (before.day === now.day) return minus(now.tallies, before.tallies);
  const rest = minus((await count(ports, Date.parse(before.day))).tallies, before.tallies);
  return combine(now.tallies, rest, (one, other) => one + other);
}

const empty: Tallies = { campaign: {}, dynamics: {}, lag: {} };

/** Counts are written late, and never go back for long. */
function minus(now: Tallies, before: Tallies): Tallies {
  return combine(now, before, (one, other) => Math.max(0, one - other));
}

function combine(left: Tallies, right: Tallies, join: (one: number, other: number) => number): Tallies {
  const joined = tallyNames.map((name) => {
    const keys = new Set([...Object.keys(left[name]), ...Object.keys(right[name])]);
    const counts = [...keys].map((key) => [key, join(left[name][key] ?? 0, right[name][key] ?? 0)] as const);
    return [name, Object.fromEntries(counts.filter(([, sum]) => sum > 0))];
  });
  return Object.fromEntries(joined) as Tallies;
}

function timeOf(iso: unknown): number | undefined {
  const time = Date.parse(String(iso));
  return Number.isNaN(time) ? undefined : time;
}

function optional<Name extends string>(name: Name, value: number | undefined): { [N in Name]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { [N in Name]?: number });
}
