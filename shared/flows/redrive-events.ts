// Events that Dynamics refused, tried again because an operator says so (design.md §6): read afresh from Campaign by the change of their rows, placed as by
// the pull. Killed anywhere a failure stays open until its activity is there; done twice it changes nothing.

import { activityIdOf, type EmailEvent, eventTypes } from "../model/email-event.js";
import type { EgressFailure, EgressPorts, HistorySource } from "./egress-ports.js";
import { nonePlaced, type PlacedCounts, placeEvents } from "./place-events.js";

/** What redriving works with: a source of its own, so that it does not stand in the pull's way. */
export type RedriveEventPorts = Omit<EgressPorts, "source"> & { source: HistorySource };

/** An event to be tried again. */
export type RefusedEvent = EgressFailure["event"];

/** What came of it. `gone`: their rows are not in Campaign any more as they were; `left`: not looked at before the deadline. */
export interface EventsRedriven {
  counts: PlacedCounts;
  gone: readonly RefusedEvent[];
  left: readonly RefusedEvent[];
}

const pageSize = 200;

/** Tries these events again, until `deadline` (epoch ms). */
export async function redriveEvents(
  ports: RedriveEventPorts,
  refused: readonly RefusedEvent[],
  deadline: number,
): Promise<EventsRedriven> {
  await ports.binding();
  const { tasks } = await ports.settings();
  const enabled = new Map(eventTypes.map((type) => [type, ""]));
  const counts = { ...nonePlaced };
  const gone: RefusedEvent[] = [];
  const moments = [...new Set(refused.map(({ changedAt }) => changedAt))].sort();
  for (const [index, moment] of moments.entries()) {
    if (ports.clock.now() >= deadline) {
      const rest = new Set(moments.slice(index));
      return { counts, gone, left: refused.filter(({ changedAt }) => rest.has(changedAt)) };
    }
    const wanted = refused.filter(({ changedAt }) => changedAt === moment);
    const found = await rowsOf(ports.source, moment, new Set(wanted.map(activityIdOf)));
    await ports.gates.fine("campaign");
    gone.push(...wanted.filter((event) => !found.has(activityIdOf(event))));
    const placed = await placeEvents(ports, [...found.values()], { enabled, tasks, again: true });
    if (placed.known < found.size) await ports.gates.fine("dynamics");
    for (const [name, count] of Object.entries(placed)) counts[name as keyof PlacedCounts] += count;
  }
  return { counts, gone, left: [] };
}

/** Those of the events that are in Campaign with this change, by id of the activity. */
async function rowsOf(
  source: HistorySource,
  moment: string,
  wanted: ReadonlySet<string>,
): Promise<ReadonlyMap<string, EmailEvent>> {
  const found = new Map<string, EmailEvent>();
  for (let cursor: string | undefined; ; ) {
    const page = await source.readEvents(moment, cursor, pageSize);
    for (const event of page.events) {
      const id = activityIdOf(event);
      if (wanted.has(id) && event.changedAt === moment) found.set(id, event);
    }
    const isPast = page.upTo !== undefined && page.upTo > moment;
    if (page.next === undefined || isPast || found.size === wanted.size) return found;
    cursor = page.next;
  }
}
