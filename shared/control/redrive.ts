// Having failed records tried again: always a fresh read, always in the record's own lane. A failure stays open until its record succeeds. Events that
// Dynamics refused: redrive-refused.ts.

import { ConflictError } from "../errors.js";
import { unreadableTable } from "../flows/collect-dead-letter.js";
import { mapLimit } from "../flows/map-limit.js";
import type { Envelope } from "../model/envelope.js";
import type { RecordId } from "../model/ids.js";
import type { FailureRecord } from "../storage/failures.js";
import type { ControlPorts } from "./ports.js";
import {
  type EventRules,
  eventRules,
  type RefusedRedriven,
  redriveRefused,
  whyEventSkipped,
} from "./redrive-refused.js";

/** Why a failure is not redriven. */
export const skipReasons = [
  "unreadable",
  "not-mapped",
  "parked",
  "resolved",
  "dismissed",
  "missing",
  "off",
  "stopped",
  "gone",
] as const;
/** See `skipReasons`. */
export type SkipReason = (typeof skipReasons)[number];

const atOnce = 16;
const triesAfterConflict = 3;

/** What decides whether a failure can be redriven: the settings and parked tables of now. */
export interface RedriveRules {
  settings: number;
  mapped: ReadonlySet<string>;
  parked: ReadonlySet<string>;
  events: EventRules;
}

/** The rules of now. */
export async function redriveRules({ ingress, control, egress }: ControlPorts): Promise<RedriveRules> {
  const [{ version, mappings }, { parked }, events] = await Promise.all([
    ingress.settings.current(),
    control.current(),
    eventRules(egress),
  ]);
  return { settings: version, mapped: new Set(mappings.keys()), parked: new Set(parked.keys()), events };
}

/** Undefined: it can be redriven. */
export function whySkipped(failure: FailureRecord, { mapped, parked, events }: RedriveRules): SkipReason | undefined {
  if (failure.table === unreadableTable) return "unreadable";
  if (failure.status !== "open") return failure.status;
  if (failure.flow === "egress") return whyEventSkipped(failure, events);
  if (!mapped.has(failure.table)) return "not-mapped";
  return parked.has(failure.table) ? "parked" : undefined;
}

/** Tries all of these again, which can be redriven; see `redriveRecords` and `redriveRefused`. */
export async function redriveAll(
  ports: ControlPorts,
  failures: readonly FailureRecord[],
  rules: RedriveRules,
  operator: string,
  deadline = Number.POSITIVE_INFINITY,
): Promise<RefusedRedriven> {
  const records = failures.filter(({ flow }) => flow === "ingress");
  const events = failures.filter(({ flow }) => flow === "egress");
  await redriveRecords(ports, records, rules, operator);
  return redriveRefused(ports, events, operator, deadline);
}

/**
 * Queues the records of these failures, all of which can be redriven. The mark in the record's state goes first: without it a success would not
 * resolve the failure. Killed in between, or called again, records are queued once more, which is harmless.
 */
async function redriveRecords(
  ports: ControlPorts,
  failures: readonly FailureRecord[],
  rules: RedriveRules,
  operator: string,
): Promise<void> {
  const now = ports.ingress.clock.now();
  await mapLimit(failures, atOnce, ({ table, id }) => markFailing(ports, table, id, rules.settings));
  await ports.ingress.queue.send(failures.map((failure) => toEnvelope(failure, rules, now)));
  await mapLimit(failures, atOnce, ({ table, id }) => ports.failures.markRedriven(table, id, operator));
}

/** Sees to it that the record's next success resolves its failure. Lost races are the lane's: it has just worked on the record. */
export async function markFailing(
  { ingress }: ControlPorts,
  table: string,
  id: RecordId,
  settings: number,
): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    const stored = await ingress.states.read(table, id);
    if (stored?.state.failing) return;
    const state = stored?.state ?? { settings, epoch: (await ingress.binding()).epoch, present: false };
    try {
      await ingress.states.save(table, id, { ...state, failing: true }, stored?.etag);
      return;
    } catch (error) {
      if (!(error instanceof ConflictError) || tried === triesAfterConflict) throw error;
    }
  }
}

function toEnvelope({ table, id, correlationId }: FailureRecord, { settings }: RedriveRules, now: number): Envelope {
  return {
    v: 1,
    table,
    id,
    kind: "upsert",
    cause: "redrive",
    attempt: 0,
    occurredAt: new Date(now).toISOString(),
    correlationId,
    nonce: `redrive-${now}`,
    settings,
  };
}
