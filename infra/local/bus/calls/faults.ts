import { makeFaultSet } from "../../sim/fault-engine.js";
import { makeNameMatcher } from "../../sim/path-pattern.js";
import { type BusFault, type BusFaultRequest, type Operation, parseBusFaults } from "./fault-schema.js";

/** What the faults that strike one operation do to it together. `lockLostMs` counts from the delivery. */
export interface Fate {
  readonly ids: readonly string[];
  readonly delayMs: number;
  readonly answer?: { readonly condition: string; readonly description: string };
  readonly reset?: boolean;
  readonly lost?: boolean;
  readonly lockLostMs?: number;
}

/** The faults of a broker. */
export interface BusFaults {
  /** Adds one fault or a list, all or none, and answers their ids. Throws FaultSyntaxError that names the field. */
  add(faults: BusFaultRequest | readonly BusFaultRequest[]): string[];
  list(): object[];
  /** Removes one, or all without an id: what is added then strikes as it did the first time. Answers how many. */
  remove(id?: string): number;
  decide(operation: Operation, queue: string, nowMs: number): Fate;
}

interface Occurrence {
  readonly operation: Operation;
  readonly queue: string;
}

/** Makes a test for "OPERATION glob" (operation `*` = any; the glob is held against the whole name, in any case). */
export function makeCallMatcher(on: string): (operation: Operation, queue: string) => boolean {
  const [wanted, glob = ""] = on.split(" ");
  const fits = makeNameMatcher(glob);
  return (operation, queue) => (wanted === "*" || wanted === operation) && fits(queue);
}

const untouched: Fate = { ids: [], delayMs: 0 };

/** Makes an empty set of faults: delays add up, the first that answers, resets, loses or takes the lock decides. */
export function makeBusFaults(startedAtMs: number, seed: number): BusFaults {
  let added = 0;
  const faults = makeFaultSet<BusFault, Occurrence>({
    startedAtMs,
    seed,
    matcherOf({ on, answer }) {
      const matches = makeCallMatcher(on);
      // A delivery is not answered, so "* queue" with an answer is about all the others.
      return ({ operation, queue }) => matches(operation, queue) && !(answer && operation === "deliver");
    },
    isFinal: ({ answer, reset, lost, lockLost }) => Boolean(answer ?? reset ?? lost) || lockLost !== undefined,
  });
  return {
    add: (body) =>
      parseBusFaults(body).map((fault) => {
        added += 1;
        const id = String(added);
        faults.add(id, fault);
        return id;
      }),
    list: faults.list,
    remove: faults.remove,
    decide(operation, queue, nowMs) {
      const struck = faults.strike({ operation, queue }, nowMs);
      if (struck.length === 0) return untouched;
      const ids = struck.map(({ id }) => id);
      const delayMs = struck.reduce((sum, { fault }) => sum + (fault.delayMs ?? 0), 0);
      const effects = struck.map(({ fault: { answer, reset, lost, lockLost } }) => ({
        ...(answer && { answer }),
        ...(reset && { reset: true }),
        ...(lost && { lost }),
        ...(lockLost !== undefined && { lockLostMs: lockLost === true ? 0 : lockLost }),
      }));
      return Object.assign({ ids, delayMs }, ...effects) as Fate;
    },
  };
}
