// One page of e-mail events into Dynamics: what is new, whose contact exists, becomes an activity. Killed anywhere it is done again and changes
// nothing: ids derive from the events, and the ledger is written after Dynamics.

import { activityIdOf, type EmailEvent, type EventType, taskIdOf } from "../model/email-event.js";
import type { RecordId } from "../model/ids.js";
import type { EgressPorts, EventOutcome, KnownEvent, NewActivity } from "./egress-ports.js";

/** How events are placed. `enabled`: since when (ISO) each type that is on counts, by the change of the event's row. */
export interface Placing {
  enabled: ReadonlyMap<EventType, string>;
  /** Types that bring a follow-up task; none for history. */
  tasks: ReadonlySet<EventType>;
  /** Looks again at events that were refused. */
  again?: boolean;
  /** Number of the pull's page. */
  page?: number;
}

/** What became of events, by count. `off`: of a type that is, or was then, switched off. `known`: dealt with before. */
export type PlacedCounts = Record<"written" | "existed" | "known" | "noContact" | "refused" | "off", number>;

/** Nothing yet. */
export const nonePlaced: PlacedCounts = { written: 0, existed: 0, known: 0, noContact: 0, refused: 0, off: 0 };

/** An event that is older brings no task: nobody follows up on last month's click. */
const taskAgeMs = 24 * 60 * 60_000;

/**
 * What became of events, and what the ledger is to be told of it. `sums`: the same as the pull sums it up, each event once: with what was dealt with before a
 * kill, without what is only tried again. `off`: those that are counted so.
 */
export interface Placed {
  counts: PlacedCounts;
  sums: PlacedCounts;
  off: readonly EmailEvent[];
  outcomes: Parameters<EgressPorts["ledger"]["note"]>[0];
}

/** Places events, each once however often it is among them. Throws what source, Dynamics or tables throw; then it is to be done again. */
export async function placeEvents(
  ports: EgressPorts,
  events: readonly EmailEvent[],
  placing: Placing,
): Promise<PlacedCounts> {
  const { counts, outcomes } = await writeEvents(ports, events, placing);
  await ports.ledger.note(outcomes);
  return counts;
}

/** As `placeEvents`, but for the ledger's note of it: whoever works on several pages at once takes their notes in order. */
export async function writeEvents(
  ports: EgressPorts,
  events: readonly EmailEvent[],
  { enabled, tasks, again = false, page }: Placing,
): Promise<Placed> {
  const [counts, sums] = [{ ...nonePlaced }, { ...nonePlaced }];
  const isWanted = ({ type, changedAt }: EmailEvent): boolean => changedAt >= (enabled.get(type) ?? never);
  const all = onlyLast(events);
  const known = await ports.ledger.known(all);
  const wanted = all.filter(isWanted);
  // What was dealt with before its type was switched off is not counted anew.
  const off = all.filter((event) => !isWanted(event) && !known.has(activityIdOf(event)));
  counts.off = off.length;
  const open = wanted.filter((event) => isOpen(event, known.get(activityIdOf(event)), again));
  const settled = wanted.filter((event) => !isOpen(event, known.get(activityIdOf(event)), again));
  counts.known = settled.length + all.length - wanted.length - off.length;
  for (const event of settled) sums[summedAs(known.get(activityIdOf(event)), page)] += 1;
  // Until a failure is resolved, its process may have died any number of times.
  if (again) for (const event of settled) await ports.succeeded({ id: activityIdOf(event), event });
  const count = (event: EmailEvent, as: keyof PlacedCounts): void => {
    counts[as] += 1;
    sums[known.has(activityIdOf(event)) ? "known" : as] += 1;
  };
  const outcomes: { event: EmailEvent; outcome: EventOutcome }[] = [];
  if (open.length === 0) return { counts, sums, off, outcomes };

  const [fates, there] = await Promise.all([
    ports.sink.contacts([...new Set(open.map(({ contactKey }) => contactKey))]),
    existingOf(ports, open),
  ]);
  const activities: NewActivity[] = [];
  for (const event of open) {
    const fate = fates.get(event.contactKey);
    if (fate === undefined || fate.state === "gone") {
      if (known.has(activityIdOf(event))) await ports.succeeded({ id: activityIdOf(event), event });
      outcomes.push({ event, outcome: "no-contact" });
      count(event, "noContact");
      continue;
    }
    const isFresh = ports.clock.now() - Date.parse(event.at) < taskAgeMs;
    const task = tasks.has(event.type) && isFresh ? { task: { id: taskIdOf(event) } } : {};
    activities.push({ id: activityIdOf(event), event, contact: fate.id, ...task });
  }
  const fresh = activities.filter(({ id }) => !there.has(id));
  const results = fresh.length === 0 ? [] : await ports.sink.write(fresh);
  const refused = new Set<string>();
  for (const [index, activity] of fresh.entries()) {
    const result = results[index];
    if (result === undefined) throw new Error("an activity has no result");
    if (result.outcome === "refused") {
      refused.add(activity.id);
      count(activity.event, "refused");
      const { id, type, changedAt } = activity.event;
      const { code, message } = result;
      await ports.failed({ event: { id, type, changedAt }, id: activity.id, code, message });
    } else count(activity.event, result.outcome);
  }
  for (const { id, event } of activities) {
    if (there.has(id)) count(event, "existed");
    if (known.has(id) && !refused.has(id)) await ports.succeeded({ id, event });
    outcomes.push({ event, outcome: refused.has(id) ? "refused" : "written" });
  }
  return { counts, sums, off, outcomes };
}

/** After every instant: of a type that is off nothing counts. */
const never = "9999";

/** Nobody has dealt with it; or it was refused, and is asked for again or has changed since. */
function isOpen(event: EmailEvent, known: KnownEvent | undefined, again: boolean): boolean {
  if (known === undefined) return true;
  return known.outcome === "refused" && (again || (known.changedAt !== undefined && known.changedAt < event.changedAt));
}

function summedAs(known: KnownEvent | undefined, page: number | undefined): keyof PlacedCounts {
  if (known === undefined || page === undefined || known.page !== page) return "known";
  return known.outcome === "no-contact" ? "noContact" : known.outcome;
}

/** Of an event that is there several times, as its row changed, the last. */
function onlyLast(events: readonly EmailEvent[]): EmailEvent[] {
  return [...new Map(events.map((event) => [activityIdOf(event), event])).values()];
}

/** Which of these stand in Dynamics already: a process may have died before the ledger knew. */
async function existingOf({ sink }: EgressPorts, events: readonly EmailEvent[]): Promise<ReadonlySet<RecordId>> {
  const found = await Promise.all(
    [...new Set(events.map(({ type }) => type))].map((type) =>
      sink.existing(type, events.filter((event) => event.type === type).map(activityIdOf)),
    ),
  );
  return new Set(found.flatMap((ids) => [...ids]));
}
