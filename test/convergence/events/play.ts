// One seed of the events' way from start to verdict: contacts, hosts, acts under faults, calm, then the oracle; at last the same again from earlier
// checkpoints.

import { impatience, type Verdict, type Violation } from "../verdict.js";
import { makeEventHistory } from "./history.js";
import type { EventSabotage } from "./host.js";
import { type Evidence, findDifferences, rowsIn, type Timelines, timelineSets } from "./oracle.js";
import { type EventWorld, makeEventWorld } from "./world.js";

const minuteMs = 60_000;
const restWithinMs = 12 * 60 * minuteMs;
/** So many earlier checkpoints are begun from anew. */
const turns = 4;

/** Plays the history of a seed. */
export async function playEventSeed(seed: number, sabotage?: EventSabotage): Promise<Verdict<EventWorld>> {
  const world = await makeEventWorld(seed, sabotage);
  const history = makeEventHistory(world);
  const { scheduler, temper, trace } = world;
  let played = false;
  await history.prepare();
  world.start();
  const playing = history.play().finally(() => {
    played = true;
  });
  await scheduler.runUntil(Number.POSITIVE_INFINITY, () => played);
  await playing;
  await scheduler.runUntil(scheduler.now() + world.chance.skewed(1_000, 5 * minuteMs));
  temper.end();
  world.everyMs(0);
  trace.add("world", "the faults have ended");

  const violations: Violation[] = [];
  // Behind the last wide look there is nothing that came late.
  for (let look = 0; look < 3; look += 1) {
    if (!(await world.pullThrough(restWithinMs))) {
      violations.push({ rule: "the system comes to rest", what: "no pull comes to its end", ids: [] });
    }
    await scheduler.runUntil(scheduler.now() + 20 * minuteMs);
  }
  violations.push(
    ...world.bugs.map((what) => ({ rule: "no mistake in code surfaces", what, ids: [] })),
    ...findDifferences(await evidenceOf(world), history.tale),
    ...impatience(world.wire.breaches, temper),
    ...(await turnBack(world)),
  );
  return { seed, violations, world };
}

/** The timelines now. */
export function timelinesOf({ dynamics }: EventWorld): Timelines {
  return Object.fromEntries(timelineSets.map((set) => [set, rowsIn(dynamics, set)]));
}

async function evidenceOf(world: EventWorld): Promise<Evidence> {
  const failures = new Map<string, string>();
  for await (const { id, message } of world.failures.list("open")) failures.set(id, message);
  const { checkpoints, noted } = world.records;
  const { types, tasks, dynamicsSkewMs } = world;
  const sums = world.isExact ? "exact" : "not too much";
  // As they are now: afterwards the pull is turned back.
  const then = { checkpoints: [...checkpoints], noted: new Map(noted) };
  return { ...then, timelines: timelinesOf(world), failures, types, tasks, dynamicsSkewMs, sums };
}

/** Nothing changes when the pull is run again, from here or from any earlier checkpoint. */
async function turnBack(world: EventWorld): Promise<Violation[]> {
  const { records, wire, chance } = world;
  const all = records.checkpoints.map(({ values }) => values);
  const now = all.at(-1) ?? {};
  const since = Object.fromEntries(Object.entries(now).filter(([name]) => name.startsWith("on_")));
  const earlier = Array.from({ length: turns }, () => chance.pick(all));
  const found: Violation[] = [];
  for (const values of [now, ...(all[0] ? [all[0]] : []), ...earlier]) {
    const before = JSON.stringify(timelinesOf(world));
    const batches = wire.batches;
    // What a type's switch-on moment was has nothing to do with how far was read.
    const kept = Object.entries(values).filter(([name]) => !name.startsWith("on_"));
    await records.turnBack({ ...Object.fromEntries(kept), ...since });
    const rest = await world.pullThrough(restWithinMs);
    if (rest && JSON.stringify(timelinesOf(world)) === before && wire.batches === batches) continue;
    found.push({
      rule: "running again from an earlier checkpoint changes nothing",
      what: `from ${JSON.stringify(values)}: ${rest ? `${wire.batches - batches} batches` : "no end"}`,
      ids: [],
    });
  }
  return found;
}
