// One page of e-mail events into Dynamics: what is new, whose contact exists, becomes an activity. Killed anywhere it is done again and changes
// nothing: ids derive from the events, and the ledger is written after Dynamics.

import { activityIdOf, type EmailEvent, type EventType, taskIdOf } from "../model/email-event.js";
import type { EgressPorts, EventOutcome, NewActivity } from "./egress-ports.js";

/** How events are placed. `enabled`: since when (ISO) each type that is on counts, by the change of the event's row. */
export interface Placing {
  enabled: ReadonlyMap<EventType, string>;
  /** Types that bring a follow-up task; none for history. */
  tasks: ReadonlySet<EventType>;
  /** Looks again at events that were refused. */
  again?: boolean;
}

/** What became of events, by count. `off`: of a type that is, or was then, switched off. `known`: dealt with before. */
export type PlacedCounts = Record<"written" | "existed" | "known" | "noContact" | "refused" | "off", number>;

/** Nothing yet. */
export const nonePlaced: PlacedCounts = { written: 0, existed: 0, known: 0, noContact: 0, refused: 0, off: 0 };

/** An event that is older brings no task: nobody follows up on last month's click. */
const taskAgeMs = 24 * 60 * 60_000;

/** Places events, each once however often it is among them. Throws what source, Dynamics or tables throw; then it is to be done again. */
export async function placeEvents(
  ports: EgressPorts,
  events: readonly EmailEvent[],
  { enabled, tasks, again = false }: Placing,
): Promise<PlacedCounts> {
  const counts = { ...nonePlaced };
  const wanted = onlyLast(events).filter(({ type, changedAt }) => {
    const since = enabled.get(type);
    return since !== undefined && changedAt >= since;
  });
  counts.off = onlyLast(events).length - wanted.length;
  const known = await ports.ledger.known(wanted);
  const open = wanted.filter((event) => {
    const outcome = known.get(activityIdOf(event));
    return outcome === undefined || (again && outcome === "refused");
  });
  counts.known = wanted.length - open.length;
  if (open.length === 0) return counts;

  const noted: { event: EmailEvent; outcome: EventOutcome }[] = [];
  const fates = await ports.sink.contacts([...new Set(open.map(({ contactKey }) => contactKey))]);
  const activities: NewActivity[] = [];
  for (const event of open) {
    const fate = fates.get(event.contactKey);
    if (fate === undefined || fate.state === "gone") {
      noted.push({ event, outcome: "no-contact" });
      counts.noContact += 1;
      continue;
    }
    const isFresh = ports.clock.now() - Date.parse(event.at) < taskAgeMs;
    const task = tasks.has(event.type) && isFresh ? { task: { id: taskIdOf(event) } } : {};
    activities.push({ id: activityIdOf(event), event, contact: fate.id, ...task });
  }
  const fresh = await withoutExisting(ports, activities);
  const results = fresh.length === 0 ? [] : await ports.sink.write(fresh);
  const refused = new Set<string>();
  for (const [index, activity] of fresh.entries()) {
    const result = results[index];
    if (result === undefined) throw new Error("an activity has no result");
    if (result.outcome === "refused") {
      refused.add(activity.id);
      counts.refused += 1;
      const { id, type, changedAt } = activity.event;
      const { code, message } = result;
      await ports.failed({ event: { id, type, changedAt }, id: activity.id, code, message });
    } else counts[result.outcome] += 1;
  }
  counts.existed += activities.length - fresh.length;
  for (const { id, event } of activities) {
    if (again && !refused.has(id)) await ports.succeeded({ id, event });
    noted.push({ event, outcome: refused.has(id) ? "refused" : "written" });
  }
  await ports.ledger.note(noted);
  return counts;
}

/** Of an event that is there several times, as its row changed, the last. */
function onlyLast(events: readonly EmailEvent[]): EmailEvent[] {
  return [...new Map(events.map((event) => [activityIdOf(event), event])).values()];
}

async function withoutExisting(
  { sink }: EgressPorts,
  activities: readonly NewActivity[],
): Promise<readonly NewActivity[]> {
  const there = new Set<string>();
  for (const type of new Set(activities.map(({ event }) => event.type))) {
    const ids = activities.filter(({ event }) => event.type === type).map(({ id }) => id);
    for (const id of await sink.existing(type, ids)) there.add(id);
  }
  return activities.filter(({ id }) => !there.has(id));
}
