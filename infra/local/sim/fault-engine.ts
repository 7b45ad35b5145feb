// When faults strike, seeded: same seed and same requests, same faults. What a strike does to a socket is in start-simulator.ts.
import type { HttpFault } from "./fault-schema.js";
import { makeRequestMatcher } from "./path-pattern.js";
import { makeRandom } from "./random.js";
import type { FaultTiming } from "./types.js";

/** Decides for one fault whether it strikes each matching occurrence, and counts. */
export interface FaultTrigger {
  strikes(nowMs: number): boolean;
  counts(): { seen: number; struck: number };
}

/** Makes the trigger of one fault: window first, then `after`, `times`, and the seeded `rate`, one draw per occurrence left. */
export function makeFaultTrigger(timing: FaultTiming, startedAtMs: number, seed: number): FaultTrigger {
  const toMs = (bound: number | string | undefined, otherwise: number): number =>
    bound === undefined ? otherwise : typeof bound === "number" ? startedAtMs + bound : Date.parse(bound);
  const fromMs = toMs(timing.from, Number.NEGATIVE_INFINITY);
  const toMsExclusive = toMs(timing.to, Number.POSITIVE_INFINITY);
  const random = makeRandom(timing.seed ?? seed);
  let seen = 0;
  let struck = 0;
  return {
    strikes(nowMs) {
      if (nowMs < fromMs || nowMs >= toMsExclusive) return false;
      seen += 1;
      if (seen <= (timing.after ?? 0) || struck >= (timing.times ?? Number.POSITIVE_INFINITY)) return false;
      if (timing.rate !== undefined && random() >= timing.rate) return false;
      struck += 1;
      return true;
    },
    counts: () => ({ seen, struck }),
  };
}

/** What the faults that strike a request do to it together. */
export interface FaultEffect {
  ids: string[];
  delayMs: number;
  answer?: HttpFault["answer"];
  reset?: "before" | "mid-body";
  lost?: true;
}

/** The faults of one simulator's HTTP requests. */
export interface FaultEngine {
  add(id: string, fault: HttpFault): void;
  list(): object[];
  remove(id?: string): number;
  decide(request: { method: string; path: string; search: string }, nowMs: number): FaultEffect | undefined;
}

/**
 * Makes an engine. Faults compose in the order they were added: delays add up; the first that answers, resets or loses ends the
 * request's fate, and later ones of that kind neither strike nor count it.
 */
export function makeFaultEngine(options: { startedAtMs: number; seed?: number }): FaultEngine {
  let added = 0;
  let faults: {
    id: string;
    fault: HttpFault;
    trigger: FaultTrigger;
    matches: ReturnType<typeof makeRequestMatcher>;
  }[] = [];
  const isFinal = (fault: HttpFault): boolean => Boolean(fault.answer ?? fault.reset ?? fault.lost);
  return {
    add(id, fault) {
      added += 1;
      const trigger = makeFaultTrigger(fault, options.startedAtMs, (options.seed ?? 1) * 1000 + added);
      faults.push({ id, fault, trigger, matches: makeRequestMatcher(fault.on) });
    },
    list: () => faults.map(({ id, fault, trigger }) => ({ id, ...fault, ...trigger.counts() })),
    remove(id) {
      const before = faults.length;
      faults = id === undefined ? [] : faults.filter((entry) => entry.id !== id);
      return before - faults.length;
    },
    decide({ method, path, search }, nowMs) {
      if (faults.length === 0) return undefined;
      const effect: FaultEffect = { ids: [], delayMs: 0 };
      let ended = false;
      for (const { id, fault, trigger, matches } of faults) {
        if (ended && isFinal(fault)) continue;
        if (!matches(method, path, search) || !trigger.strikes(nowMs)) continue;
        effect.ids.push(id);
        effect.delayMs += fault.delayMs ?? 0;
        if (!isFinal(fault)) continue;
        ended = true;
        if (fault.answer) effect.answer = fault.answer;
        if (fault.reset) effect.reset = fault.reset;
        if (fault.lost) effect.lost = fault.lost;
      }
      return effect.ids.length > 0 ? effect : undefined;
    },
  };
}
