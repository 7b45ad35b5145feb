// The part of the status that is about e-mail events: what is on, how far it is, what became of every row, and what the checks found.

import { z } from "zod";
import { readFindings } from "../flows/check-events.js";
import { sumsOf } from "../flows/checkpoint-sums.js";
import { pullSums, readPull } from "../flows/pull-events.js";
import { type RunNotes, readRunNotes } from "../flows/run-notes.js";
import { eventTypes } from "../model/email-event.js";
import { controlAgeMs, type Wanted } from "../storage/control.js";
import { countOpen } from "./count-open.js";
import type { ControlPorts, EgressControl } from "./ports.js";
import { instant } from "./shapes.js";
import { type WorkflowFacts, workflowState } from "./workflow-state.js";

const eventType = z.enum(eventTypes);
const findingSchema = z.object({
  code: z.string(),
  about: z.string().optional(),
  message: z.string(),
  fix: z.string(),
  since: instant,
  lost: z.object({ from: instant, to: instant }).optional(),
});

/** What is shown of egress. */
export const egressStatusSchema = z
  .object({
    types: z.array(z.object({ type: eventType, since: instant.optional() })),
    tasks: z.array(eventType),
    source: z.enum(["rest", "files"]),
    readUpTo: instant.optional(),
    caughtUpAt: instant.optional(),
    lagMs: z.number().optional(),
    lastRunAt: instant.optional(),
    lastSuccessAt: instant.optional(),
    error: z.string().optional(),
    events: z.record(z.enum(pullSums), z.int()),
    skipped: z.record(z.string(), z.int()),
    failures: z.object({ open: z.int(), orMore: z.boolean() }),
    checkedAt: instant.optional(),
    findings: z.array(findingSchema),
    callsToday: z.record(z.string(), z.int()).optional(),
  })
  .meta({ id: "Egress" });

/** Purposes of Campaign calls that only egress makes. */
const purposes = ["list events", "read workflow", "read history"];
/** A page in hand takes no longer: its calls have their time-outs. */
const longestPageMs = 10 * 60_000;

/** What the rest of the status knows. */
export interface KnownForEgress extends Pick<WorkflowFacts, "trouble" | "closedGates"> {
  wanted: Wanted;
  calls: Readonly<Record<string, number>> | undefined;
}

/** State and status of egress. */
export async function egressStatus(
  { failures }: ControlPorts,
  { ports, by, tables }: EgressControl,
  known: KnownForEgress,
): Promise<{ state: ReturnType<typeof workflowState>; view: z.output<typeof egressStatusSchema> }> {
  const { checkpoints, clock } = ports;
  const [{ types, tasks }, values, runs, found, open] = await Promise.all([
    ports.settings(),
    readPull(checkpoints),
    readRunNotes({ checkpoints, clock }),
    readFindings(checkpoints),
    countOpen(failures, [...tables.keys()]),
  ]);
  const now = clock.now();
  const text = (name: string): string | undefined => (values[name] === undefined ? undefined : String(values[name]));
  const [readUpTo, caughtUpAt] = [text("since"), text("caughtUpAt")];
  const { sums, others } = sumsOf(values, pullSums);
  const { underWay: _underWay, ...lastRun } = runs;
  const calls = Object.entries(known.calls ?? {}).filter(([purpose]) => purposes.includes(purpose));
  return {
    state: types.size === 0 ? nothingOn : stateOf(known, runs, text("at"), now),
    view: {
      types: eventTypes
        .filter((type) => types.has(type))
        .map((type) => ({ type, ...optional("since", text(`on_${type}`)) })),
      tasks: eventTypes.filter((type) => tasks.has(type)),
      source: by,
      ...optional("readUpTo", readUpTo),
      ...optional("caughtUpAt", caughtUpAt),
      ...(caughtUpAt !== undefined && { lagMs: Math.max(0, now - Date.parse(caughtUpAt)) }),
      ...lastRun,
      events: sums,
      skipped: others,
      failures: open,
      ...optional("checkedAt", found.at),
      findings: [...found.findings],
      ...(known.calls && { callsToday: Object.fromEntries(calls) }),
    },
  };
}

const nothingOn: ReturnType<typeof workflowState> = {
  state: "STOPPED",
  reasons: ["no type of event is switched on: EGRESS_TYPES names none"],
};

function stateOf(
  { wanted, trouble, closedGates }: KnownForEgress,
  { underWay, lastSuccessAt, error }: RunNotes,
  pageAt: string | undefined,
  now: number,
): ReturnType<typeof workflowState> {
  const since = timeOf(wanted.since);
  // A run that was killed says nothing: its last page was in hand then.
  const began = underWay.map((at) => Math.max(Date.parse(at), timeOf(pageAt) ?? 0));
  const busyUntil = Math.max(0, ...began.map((at) => at + longestPageMs));
  const { state, reasons } = workflowState({
    now,
    wanted: wanted.wanted,
    drain: false,
    since,
    quietMs: Math.max(controlAgeMs, busyUntil - (since ?? 0)),
    inHand: "the page in hand is still worked off,",
    waiting: 0,
    lastRunAt: timeOf(lastSuccessAt),
    run: { name: "run", function: "egress-pull" },
    trouble,
    closedGates,
  });
  const last = wanted.wanted === "running" && error !== undefined ? [`the last run failed: ${error}`] : [];
  return { state, reasons: [...reasons, ...last] };
}

function optional<Name extends string>(name: Name, value: string | undefined): { [N in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [N in Name]?: string });
}

function timeOf(iso: string | undefined): number | undefined {
  return iso === undefined ? undefined : Date.parse(iso);
}
