import type { Temper } from "./temper.js";
import type { Trace } from "./trace.js";
import type { Breach } from "./wait-log.js";

/** A broken rule. */
export interface Violation {
  rule: string;
  what: string;
  ids: readonly string[];
}

/** What came of a seed in a world of either kind. */
export interface Verdict<World extends { temper: Temper; trace: Trace } = { temper: Temper; trace: Trace }> {
  seed: number;
  violations: readonly Violation[];
  world: World;
}

/** Requests that were not to be sent yet. Where tables fail or processes stand still, what one was told reaches the others later. */
export function impatience(breaches: readonly Breach[], { rates: { tables, stall } }: Temper): Violation[] {
  return breaches.flatMap(({ at, who, host, told }) => {
    if (told.who !== who && (tables > 0 || stall > 0)) return [];
    const early = Math.round(told.until - at);
    const what = `${who} called ${host} ${early} ms before ${told.who} was to come again (${told.status}, ${Math.round(at - told.at)} ms ago)`;
    return [{ rule: "no request inside a Retry-After window", what, ids: [] }];
  });
}

/** The verdict for a person: what is wrong, what happened to the records concerned, and how to see it again. */
export function report({ seed, violations, world }: Verdict, options = ""): string {
  const ids = [...new Set(violations.flatMap((violation) => violation.ids))].slice(0, 3);
  const listed = violations.slice(0, 12).map(({ rule, what, ids: about }) => `- ${rule}: ${what} ${about.join(" ")}`);
  const rates = Object.entries(world.temper.rates).filter(([, rate]) => rate > 0);
  return [
    `seed ${seed} fails; again: npm run torture -- ${options}--seed ${seed}`,
    ...listed,
    violations.length > listed.length ? `… and ${violations.length - listed.length} more` : "",
    `faults: ${rates.map(([kind, rate]) => `${kind} ${rate.toFixed(4)}`).join(", ") || "none"}`,
    world.trace.about(ids),
  ].join("\n");
}
