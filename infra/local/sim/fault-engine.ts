// When faults strike, seeded: same seed and same requests, same faults. What a strike does to a socket is in start-simulator.ts,
// and what it does to an operation of the bus in ../bus/.
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

/** A fault that has struck. */
export interface Strike<Fault> {
  id: string;
  fault: Fault;
}

/** Faults in force over occurrences of one kind (HTTP requests, operations of a bus). */
export interface FaultSet<Fault, Occurrence> {
  add(id: string, fault: Fault): void;
  list(): object[];
  /** Removes one, or all without an id: what is added then strikes as it did the first time. Answers how many. */
  remove(id?: string): number;
  strike(occurrence: Occurrence, nowMs: number): Strike<Fault>[];
}

/**
 * Makes an empty set. Faults compose in the order they were added: the first final one that strikes ends the occurrence's fate,
 * and later final ones neither strike nor count it.
 */
export function makeFaultSet<Fault extends FaultTiming, Occurrence>(options: {
  startedAtMs: number;
  seed?: number | undefined;
  matcherOf(fault: Fault): (occurrence: Occurrence) => boolean;
  isFinal(fault: Fault): boolean;
}): FaultSet<Fault, Occurrence> {
  let added = 0;
  let faults: (Strike<Fault> & { trigger: FaultTrigger; matches: (occurrence: Occurrence) => boolean })[] = [];
  return {
    add(id, fault) {
      added += 1;
      const trigger = makeFaultTrigger(fault, options.startedAtMs, (options.seed ?? 1) * 1000 + added);
      faults.push({ id, fault, trigger, matches: options.matcherOf(fault) });
    },
    list: () => faults.map(({ id, fault, trigger }) => ({ id, ...fault, ...trigger.counts() })),
    remove(id) {
      const before = faults.length;
      faults = id === undefined ? [] : faults.filter((entry) => entry.id !== id);
      if (id === undefined) added = 0;
      return before - faults.length;
    },
    strike(occurrence, nowMs) {
      const struck: Strike<Fault>[] = [];
      let ended = false;
      for (const { id, fault, trigger, matches } of faults) {
        const final = options.isFinal(fault);
        if ((ended && final) || !matches(occurrence) || !trigger.strikes(nowMs)) continue;
        struck.push({ id, fault });
        ended ||= final;
      }
      return struck;
    },
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

/** As much of an HTTP request as faults look at. */
export interface FaultTarget {
  method: string;
  path: string;
  search: string;
}

/** The faults of one simulator's HTTP requests. */
export interface FaultEngine extends Omit<FaultSet<HttpFault, FaultTarget>, "strike"> {
  decide(request: FaultTarget, nowMs: number): FaultEffect | undefined;
}

/** Makes the engine of one simulator's HTTP requests: delays add up, the first that answers, resets or loses decides. */
export function makeFaultEngine(options: { startedAtMs: number; seed?: number }): FaultEngine {
  const faults = makeFaultSet<HttpFault, FaultTarget>({
    ...options,
    matcherOf({ on }) {
      const matches = makeRequestMatcher(on);
      return ({ method, path, search }) => matches(method, path, search);
    },
    isFinal: ({ answer, reset, lost }) => Boolean(answer ?? reset ?? lost),
  });
  return {
    ...faults,
    decide(request, nowMs) {
      const struck = faults.strike(request, nowMs);
      if (struck.length === 0) return undefined;
      const effect: FaultEffect = { ids: [], delayMs: 0 };
      for (const { id, fault } of struck) {
        effect.ids.push(id);
        effect.delayMs += fault.delayMs ?? 0;
        if (fault.answer) effect.answer = fault.answer;
        if (fault.reset) effect.reset = fault.reset;
        if (fault.lost) effect.lost = fault.lost;
      }
      return effect;
    },
  };
}
