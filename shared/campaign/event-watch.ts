// Asks what the checks of the events' way need to know, with few calls, and answers what they find. The verdict itself is event-checks.ts.

import { TableError } from "../errors.js";
import type { EventFinding, EventSource, EventsKnown } from "../flows/egress-ports.js";
import type { Clock } from "../model/clock.js";
import { type EventFacts, type EventTolerance, judgeEvents, usualTolerance } from "./event-checks.js";
import type { EventProbes } from "./event-probes.js";
import type { RestEventSource } from "./event-source.js";

/** What is watched. `workflows`: IDs of those that bring the events; `profiles`: how many are asked for their latest e-mail (two calls each). */
export interface EventWatch {
  source: EventSource & Partial<Pick<RestEventSource, "newestChange" | "probe">>;
  probes: EventProbes;
  workflows: readonly string[];
  profiles: number;
  clock: Clock;
  tolerance?: EventTolerance;
}

/**
 * Everything that is wrong. Costs a call for each workflow and four to five more; those for profiles only while no row comes. Throws what the probes
 * throw when Campaign cannot be asked; a resource or a filter that is not as it must be is a finding.
 */
export async function checkEvents(watch: EventWatch, known: EventsKnown): Promise<EventFinding[]> {
  const { source, probes, clock, tolerance = usualTolerance } = watch;
  const workflows = await probes.workflows(watch.workflows);
  const facts: EventFacts = { ...known, now: new Date(clock.now()).toISOString(), workflows };
  try {
    facts.rejected = (await source.rejected?.()) ?? [];
    await source.probe?.();
    const oldestChange = await source.oldestChange();
    const newestChange = source.newestChange ? await source.newestChange() : known.since;
    if (oldestChange !== undefined) facts.oldestChange = oldestChange;
    if (newestChange !== undefined) facts.newestChange = newestChange;
  } catch (error) {
    if (!(error instanceof TableError)) throw error;
    return judgeEvents({ ...facts, refused: { code: error.code, message: error.message } }, tolerance);
  }
  const isSilent = facts.newestChange === undefined || clock.now() - Date.parse(facts.newestChange) >= tolerance.lateMs;
  const lastSend = isSilent ? await probes.lastSend(watch.profiles) : undefined;
  return judgeEvents({ ...facts, ...(lastSend !== undefined && { lastSend }) }, tolerance);
}
