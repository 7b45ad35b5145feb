// GET /status: everything an operator wants to know at a glance. What state a workflow is in follows from the facts by workflow-state.ts.

import { z } from "zod";
import { AuthError, BindingError } from "../errors.js";
import { alarmKinds } from "../flows/alarms.js";
import { readAlarms } from "../flows/monitor.js";
import { workflowNames } from "../model/workflow.js";
import type { Wanted } from "../storage/control.js";
import { controlAgeMs } from "../storage/control.js";
import type { GateStatus } from "../storage/gates.js";
import { countOpen, mostCounted } from "./count-open.js";
import { egressStatus, egressStatusSchema } from "./egress-status.js";
import { finishStop } from "./finish-stop.js";
import { optOutState } from "./opt-out-status.js";
import type { ControlPorts } from "./ports.js";
import { route } from "./route.js";
import { instant, nothing } from "./shapes.js";
import { tableStatus, tableStatusSchema } from "./table-status.js";
import { type WorkflowFacts, workflowState, workflowStates } from "./workflow-state.js";

const gateSchema = z.object({
  peer: z.enum(["campaign", "dynamics"]),
  state: z.enum(["open", "closed", "probing"]),
  since: instant.optional(),
  until: instant.optional(),
  kind: z.string().optional(),
  reason: z.string().optional(),
});

const workflowSchema = z.object({
  name: z.enum(workflowNames),
  state: z.enum(workflowStates),
  reasons: z.array(z.string()),
  wanted: z.enum(["running", "stopped"]),
  drain: z.boolean(),
  since: instant.optional(),
  by: z.string().optional(),
});

const alarmCodes = Object.keys(alarmKinds) as (keyof typeof alarmKinds)[];
const monitorSchema = z
  .object({
    lookedAt: instant.optional(),
    alarms: z.array(
      z.object({
        code: z.enum(alarmCodes),
        about: z.string().optional(),
        level: z.enum(["error", "warn"]),
        message: z.string(),
        fix: z.string(),
        since: instant,
      }),
    ),
  })
  .meta({ id: "Monitor" });

const statusSchema = z.object({
  at: instant,
  dryRun: z.object({ number: z.int(), startedAt: instant }).optional(),
  workflows: z.array(workflowSchema),
  settingsVersion: z.int(),
  lastSweepAt: instant.optional(),
  backlog: z.object({ waiting: z.int(), orMore: z.boolean(), lanes: z.record(z.string(), z.int()) }),
  tables: z.array(tableStatusSchema),
  failures: z.object({ open: z.int(), orMore: z.boolean() }),
  gates: z.array(gateSchema),
  callsToday: z.record(z.string(), z.int()).optional(),
  egress: egressStatusSchema.optional(),
  monitor: monitorSchema,
});

/** Status of everything. */
export const statusRoute = route({
  method: "GET",
  path: "/status",
  summary: "State of every workflow and table, backlog, gates, open failures, Campaign calls of today",
  description:
    "A workflow is STOPPED only when no call to Campaign can be under way any more. Counts stop at 2,000 and then say `orMore`. `dryRun` is there while nothing is written (see `/dry-run`). `lagMs` is the age of the last look at a table's changes. `monitor` names what stood still, or has been as it should not be for too long, at its last look (docs/operate.md).",
  params: nothing,
  query: nothing,
  answer: statusSchema,
  handle: ({ ports }) => readStatus(ports),
});

/** The whole status; also what `npm run inspect` shows. */
export async function readStatus(ports: ControlPorts): Promise<z.output<typeof statusSchema>> {
  const { ingress } = ports;
  await finishStop(ports);
  const [control, settings, depths, checkpoints, gates, calls, open, trouble, watched] = await Promise.all([
    ports.control.read(),
    ingress.settings.current(),
    ingress.queue.depths(mostCounted),
    ingress.checkpoints.list("ingress"),
    ports.gates(),
    ports.usageToday(),
    countOpen(ports.failures),
    troubleOf(ports),
    readAlarms(ingress.checkpoints),
  ]);
  const now = ingress.clock.now();
  const streams = new Map(checkpoints.map(({ stream, values }) => [stream, values]));
  const tables = [...settings.mappings.values()].map((mapping) =>
    tableStatus(mapping, control.parked.get(mapping.table.name), streams, now),
  );
  const looks = tables.flatMap(({ changes }) => (changes?.lookedAt === undefined ? [] : [changes.lookedAt]));
  const lastSweepAt = looks.sort().at(-1);
  const waiting = [...depths.values()].reduce((sum, depth) => sum + depth, 0);
  const closed = closedGates(gates, now);
  const egress =
    ports.egress &&
    (await egressStatus(ports, ports.egress, {
      wanted: control.workflows.egress,
      trouble,
      closedGates: closed,
      calls,
    }));
  const optOut = await optOutState(ports, { wanted: control.workflows.optout, trouble, closedGates: closed });
  const { state, reasons } = workflowState({
    now,
    wanted: control.wanted,
    drain: control.drain,
    since: timeOf(control.since),
    quietMs: quietMs(ports),
    inHand: "a call to Campaign that was announced before may take effect",
    waiting,
    lastRunAt: timeOf(lastSweepAt),
    run: { name: "sweep", function: "ingress-sweep" },
    trouble,
    closedGates: closed,
  });
  const dryRun = await ports.dryRun?.info();
  return {
    at: new Date(now).toISOString(),
    ...(dryRun && { dryRun }),
    workflows: [
      { name: "ingress", state, reasons, ...wantedOf(control) },
      ...(egress ? [{ name: "egress" as const, ...egress.state, ...wantedOf(control.workflows.egress) }] : []),
      ...(optOut ? [{ name: "optout" as const, ...optOut, ...wantedOf(control.workflows.optout) }] : []),
    ],
    ...(egress && { egress: egress.view }),
    settingsVersion: settings.version,
    ...(lastSweepAt !== undefined && { lastSweepAt }),
    backlog: { waiting, orMore: waiting >= mostCounted, lanes: Object.fromEntries([...depths].sort()) },
    tables,
    failures: open,
    gates: gates.map((gate) => ({ ...gate })),
    ...(calls && { callsToday: calls }),
    monitor: { ...(watched.at !== undefined && { lookedAt: watched.at }), alarms: [...watched.alarms] },
  };
}

/** Somebody may have looked at the control a moment before the stop, then announced a call, which may take effect for half its budget longer. */
function quietMs({ ingress }: ControlPorts): number {
  return controlAgeMs + Math.ceil(1.5 * ingress.campaignBudgetMs);
}

function wantedOf({
  wanted,
  drain,
  since,
  by,
}: Wanted): Pick<z.output<typeof workflowSchema>, "wanted" | "drain" | "since" | "by"> {
  return { wanted, drain, ...(since !== undefined && { since }), ...(by !== undefined && { by }) };
}

/** What stops everything and no gate says: the wrong environment, or credentials that nobody accepts. */
async function troubleOf({ ingress }: ControlPorts): Promise<string | undefined> {
  try {
    await ingress.binding();
    return undefined;
  } catch (error) {
    return error instanceof BindingError || error instanceof AuthError ? error.message : undefined;
  }
}

function closedGates(gates: readonly GateStatus[], now: number): WorkflowFacts["closedGates"] {
  return gates
    .filter(({ state }) => state !== "open")
    .map(({ peer, since, reason = "" }) => ({ peer, since: timeOf(since) ?? now, reason }));
}

function timeOf(iso: string | undefined): number | undefined {
  return iso === undefined ? undefined : Date.parse(iso);
}
