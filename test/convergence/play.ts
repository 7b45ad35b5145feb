// One seed from start to verdict: rows, hosts, acts under faults, calm, redrive, quiet; then the rules.

import { tableNames } from "../../infra/local/scenarios/acme/mappings.js";
import type { Envelope } from "../../shared/model/envelope.js";
import { type HistoryOptions, makeHistory } from "./history.js";
import { findViolations, rowsOf } from "./invariants.js";
import { findOptOutViolations } from "./opt-outs/judge.js";
import type { Verdict, Violation } from "./verdict.js";
import { makeWorld, type World, type WorldOptions } from "./world.js";

/** What a history may hold. */
export interface Features extends HistoryOptions, Omit<WorldOptions, "seed" | "hosts"> {
  mostHosts: number;
}

/** What the product of today can do. */
export const features: Features = {
  tables: tableNames,
  mostHosts: 3,
  without: [],
  acts: 40,
  operates: true,
  merges: true,
  expires: true,
};

/** What came of a seed. */
export type IngressVerdict = Verdict<World>;

const dayMs = 24 * 60 * 60_000;
const minuteMs = 60_000;

/** Plays the history of a seed. */
export async function playSeed(seed: number, changes: Partial<Features> = {}): Promise<IngressVerdict> {
  const chosen = { ...features, ...changes };
  const world = await makeWorld({ ...chosen, seed, hosts: 1 + (seed % chosen.mostHosts) });
  const history = makeHistory(world, chosen);
  const violations: Violation[] = [];

  let played = false;
  await history.prepare();
  world.start();
  const playing = history.play().finally(() => {
    played = true;
  });
  await world.scheduler.runUntil(Number.POSITIVE_INFINITY, () => played);
  await playing;
  await world.scheduler.runUntil(world.scheduler.now() + world.chance.skewed(1_000, 5 * minuteMs));
  world.temper.end();
  world.stopTimer();
  world.trace.add("world", "the faults have ended");

  const calm = await world.settle(2 * dayMs);
  await redriveOnce(world);
  const calmAgain = await world.settle(2 * dayMs);
  if (!calm || !calmAgain) {
    violations.push({
      rule: "the system comes to rest",
      what: `waiting by lane: ${JSON.stringify([...(await world.queue.depths(100))])}; ${await world.atWork()}`,
      ids: [],
    });
  }
  if (world.choices) violations.push(...(await pullUntilQuiet(world)));
  const before = world.log.calls;
  await world.settle(minuteMs * 10);
  await world.settle(minuteMs * 10);
  if (world.log.calls !== before) {
    violations.push({ rule: "a quiet system makes no call", what: `${world.log.calls - before} calls`, ids: [] });
  }
  violations.push(...(await findViolations(world)));
  violations.push(...findOptOutViolations(world, rowsOf(world).contact.keys(), history.ended));
  return { seed, violations, world };
}

/** Campaign's side is asked, too, until it has no more to tell. */
async function pullUntilQuiet(world: World): Promise<Violation[]> {
  let last: number | undefined;
  for (let tries = 0; tries < mostPulls; tries += 1) {
    let rung: number | undefined;
    let done = false;
    // As the timer does: a gate may take a moment to open.
    await world.scheduler.runUntil(world.scheduler.now() + minuteMs);
    void world.pull().then((answer) => {
      [rung, done] = [answer, true];
    });
    await world.scheduler.runUntil(world.scheduler.now() + 10 * minuteMs, () => done);
    await world.settle(2 * dayMs);
    if (rung === 0) return [];
    last = rung;
  }
  const what = last === undefined ? "the pull does not come to its end" : "the pull keeps ringing";
  return [{ rule: "opt-outs come to rest", what, ids: [] }];
}

const mostPulls = 12;

/** What an operator does with failures once the trouble is over. */
async function redriveOnce(world: World): Promise<void> {
  const envelopes: Envelope[] = [];
  for await (const { table, id } of world.failures.list("open")) {
    envelopes.push({
      v: 1,
      table,
      id,
      kind: "upsert",
      cause: "redrive",
      force: true,
      attempt: 0,
      occurredAt: new Date(world.scheduler.now()).toISOString(),
      correlationId: "redrive",
      nonce: `redrive-${world.scheduler.now()}`,
    });
    world.trace.add("operator", `redrives ${table}`, id);
  }
  await world.queue.send(envelopes);
}
