// From the event's row in Campaign to its activity in Dynamics, while one happens every half second or so.

import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../infra/local/people.js";
import { activityIdOf, type EventType, eventTypes } from "../../shared/model/email-event.js";
import type { Bench, Result } from "../bench.js";
import { type EventSystem, inventEvents, tables, withEvents } from "./event-system.js";

const part = "egress-delay";
const contacts = 100;
/** As often as Campaign is asked for events. */
const pollMs = 1_000;
/** What both simulators take for a request. */
const roundTripMs = 50;
/** No multiple of the poll: events meet it at every phase. */
const everyMs = 430;

/** A hundred events, five hundred in full. */
export const delay: Bench = {
  name: part,
  run: ({ full, say }) =>
    withEvents({ contacts }, async (system) => {
      await system.observer.slow("campaign", roundTripMs);
      await system.observer.slow("dataverse", roundTripMs);
      const count = full ? 500 : 100;
      say(`${count} events, one every ${everyMs} ms`);
      return toResults(await arrivals(system, count));
    }),
};

/** How long after its row was staged each activity was seen, in ms. */
async function arrivals(system: EventSystem, count: number): Promise<number[]> {
  const happened = new Map<string, number>();
  const seen = new Map<string, number>();
  const watching = eventually(
    `${count} activities`,
    async () => {
      const ids = (await Promise.all(eventTypes.map((type) => idsOf(system, type)))).flat();
      for (const id of ids) if (!seen.has(id)) seen.set(id, Date.now());
      return seen.size >= count ? true : undefined;
    },
    { withinMs: 2 * count * everyMs + 60_000, everyMs: 10 },
  );
  for (const event of inventEvents(count, contacts)) {
    const at = Date.now();
    const { events } = (await system.tell("campaign", "events", [event])) as { events: { eventId: string }[] };
    for (const { eventId } of events) happened.set(activityIdOf({ type: event.type, id: eventId }), at);
    await sleep(everyMs);
  }
  await watching;
  return [...happened].map(([id, at]) => (seen.get(id) ?? Number.NaN) - at).sort((one, other) => one - other);
}

async function idsOf({ look }: EventSystem, type: EventType): Promise<string[]> {
  const rows = (await look("dataverse", `state/${tables[type].set}?select=activityid`)) as { activityid: string }[];
  return rows.map(({ activityid }) => activityid);
}

function toResults(sorted: readonly number[]): Result[] {
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  const what = `${part}, asked for every ${pollMs / 1_000} s`;
  const ms = (name: string, value: number): Result => ({ name, value, unit: "ms", goal: null, better: "lower" });
  return [
    ms(`${what}, p50`, at(0.5)),
    ms(`${what}, p99`, at(0.99)),
    ms(`${what}, p99 beyond the interval`, at(0.99) - pollMs),
    ms(`${what}, slowest of ${sorted.length}`, at(1)),
  ];
}
