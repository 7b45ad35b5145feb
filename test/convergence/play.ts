// One seed from start to verdict: rows, hosts, acts under faults, calm, redrive, quiet; then the rules.

import { tableNames } from "../../infra/local/scenarios/acme/mappings.js";
import type { Envelope } from "../../shared/model/envelope.js";
import { type HistoryOptions, makeHistory } from "./history.js";
import { findViolations, type Rules, type Violation } from "./invariants.js";
import { makeWorld, type World, type WorldOptions } from "./world.js";

/** What a history may hold, and what is asked of it. */
export interface Features extends HistoryOptions, Omit<WorldOptions, "seed" | "hosts"> {
  mostHosts: number;
  rules: Rules;
}

/** What the product of today can do. */
export const features: Features = {
  tables: tableNames,
  mostHosts: 3,
  without: [],
  parentless: true,
  echoes: true,
  after503: true,
  acts: 40,
  operates: true,
  merges: true,
  expires: true,
  rules: { ownWindows: true, othersWindows: true },
};

/** What came of a seed. */
export interface Verdict {
  seed: number;
  violations: readonly Violation[];
  world: World;
}

const dayMs = 24 * 60 * 60_000;
const minuteMs = 60_000;

/** Plays the history of a seed. */
export async function playSeed(seed: number, changes: Partial<Features> = {}): Promise<Verdict> {
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
  const before = world.log.calls;
  await world.settle(minuteMs * 10);
  await world.settle(minuteMs * 10);
  if (world.log.calls !== before) {
    violations.push({ rule: "a quiet system makes no call", what: `${world.log.calls - before} calls`, ids: [] });
  }
  violations.push(...(await findViolations(world, chosen.rules)));
  return { seed, violations, world };
}

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

/** The verdict for a person: what is wrong, what happened to the records concerned, and how to see it again. */
export function report({ seed, violations, world }: Verdict): string {
  const ids = [...new Set(violations.flatMap((violation) => violation.ids))].slice(0, 3);
  const listed = violations.slice(0, 12).map(({ rule, what, ids: about }) => `- ${rule}: ${what} ${about.join(" ")}`);
  const rates = Object.entries(world.temper.rates).filter(([, rate]) => rate > 0);
  return [
    `seed ${seed} fails; again: npm run torture -- --seed ${seed}`,
    ...listed,
    violations.length > listed.length ? `… and ${violations.length - listed.length} more` : "",
    `faults: ${rates.map(([kind, rate]) => `${kind} ${rate.toFixed(4)}`).join(", ") || "none"}`,
    world.trace.about(ids),
  ].join("\n");
}
