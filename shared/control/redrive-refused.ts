// Having e-mail events tried again that Dynamics refused: read from Campaign once more, at once and not through a queue. What is done is a flow's business
// (redrive-events.ts); a failure stays open until its activity is there.

import { UnavailableError } from "../errors.js";
import { mapLimit } from "../flows/map-limit.js";
import { redriveEvents } from "../flows/redrive-events.js";
import { eventOf } from "../flows/refused-event.js";
import { asRun } from "../flows/run-notes.js";
import { activityIdOf, type EventType } from "../model/email-event.js";
import type { FailureRecord } from "../storage/failures.js";
import type { ControlPorts, EgressControl } from "./ports.js";

/** What decides whether an event can be tried again. */
export interface EventRules {
  tables: ReadonlyMap<string, EventType>;
  on: ReadonlySet<EventType>;
  isStopped: boolean;
  canRead: boolean;
}

/** `gone`: Campaign does not show their rows any more. `left`: not looked at before the deadline. */
export interface RefusedRedriven {
  gone: readonly FailureRecord[];
  left: readonly FailureRecord[];
}

const atOnce = 16;

/** The rules of now. */
export async function eventRules(egress: EgressControl | undefined): Promise<EventRules> {
  if (!egress) return { tables: new Map(), on: new Set(), isStopped: false, canRead: false };
  const [{ types: on }, stopped] = await Promise.all([egress.ports.settings(), egress.ports.stopped()]);
  return { tables: egress.tables, on, isStopped: stopped !== undefined, canRead: egress.redrive !== undefined };
}

/** Undefined: the open failure of an event can be redriven. */
export function whyEventSkipped(
  failure: FailureRecord,
  { tables, on, isStopped, canRead }: EventRules,
): "not-mapped" | "off" | "unreadable" | "gone" | "stopped" | undefined {
  const type = tables.get(failure.table);
  if (type === undefined) return "not-mapped";
  if (!on.has(type)) return "off";
  if (eventOf(failure, type) === undefined) return "unreadable";
  if (!canRead) return "gone";
  return isStopped ? "stopped" : undefined;
}

/** Tries the events of these failures, all of which can be redriven, until `deadline` (epoch ms). UnavailableError: a gate is closed. */
export async function redriveRefused(
  { egress, failures }: ControlPorts,
  open: readonly FailureRecord[],
  operator: string,
  deadline: number,
): Promise<RefusedRedriven> {
  if (open.length === 0 || !egress?.redrive) return { gone: [], left: [] };
  const { redrive, tables } = egress;
  const held = await redrive.gates.admit(false);
  if (held) throw new UnavailableError(`calls to ${held.peer} are held back: ${held.reason}`, false);
  await mapLimit(open, atOnce, ({ table, id }) => failures.markRedriven(table, id, operator));
  const events = open.flatMap((failure) => {
    const type = tables.get(failure.table);
    const event = type && eventOf(failure, type);
    return event ? [event] : [];
  });
  const { gone, left } = await asRun(redrive, egress.newId(), false, () => redriveEvents(redrive, events, deadline));
  const failuresOf = (some: readonly (typeof events)[number][]): FailureRecord[] => {
    const ids = new Set<string>(some.map(activityIdOf));
    return open.filter(({ id }) => ids.has(id));
  };
  return { gone: failuresOf(gone), left: failuresOf(left) };
}
