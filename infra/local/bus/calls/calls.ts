// Everything that happens between clients and queues passes here: faults and latency are decided, and it is logged.
// What a fault then does on the wire is in ../amqp/.
import { z } from "zod";
import { addOne, makeCountedLog } from "../../sim/counted-log.js";
import { type Latency, makeLatency } from "../../sim/latency.js";
import { makeNameMatcher } from "../../sim/path-pattern.js";
import { makeRandom } from "../../sim/random.js";
import type { Clock } from "../core/clock.js";
import { type Operation, onSchema } from "./fault-schema.js";
import { type BusFaults, type Fate, makeBusFaults, makeCallMatcher } from "./faults.js";

/** One operation from its arrival to its end. */
export interface Call {
  readonly fate: Fate;
  /** To wait until it takes effect, and from then until its answer. */
  readonly waitMs: number;
  readonly answerMs: number;
  /** Logs it; only the first call counts. `outcome`: "ok", an AMQP condition, or "none" when the client got no answer. */
  end(outcome: string): void;
}

/** One logged operation. No bodies, no sessions. */
export interface LoggedCall {
  readonly at: string;
  readonly operation: Operation;
  readonly queue: string;
  readonly outcome: string;
  readonly ms: number;
  readonly client: string;
  /** Ids of the faults that struck it. */
  readonly faults?: readonly string[];
}

/** The operations of a broker. */
export interface Calls {
  readonly faults: BusFaults;
  readonly latency: Pick<Latency<[Operation, string]>, "get" | "set">;
  readonly log: { summary(query?: Record<string, unknown>): object; clear(): void };
  begin(operation: Operation, queue: string, client: string): Call;
  /** Log, faults and latency as at the start. */
  reset(): void;
}

const filterSchema = z.object({ operation: z.string(), queue: z.string(), limit: z.coerce.number() }).partial();

/** Makes the operations of a broker that has just started. */
export function makeCalls(clock: Clock, seed: number): Calls {
  const faults = makeBusFaults(clock.now(), seed);
  const latency = makeLatency({
    rules: 0,
    onSchema,
    random: makeRandom(seed),
    matcherOf: makeCallMatcher,
  });
  const log = makeCountedLog({
    keyOf: ({ operation, queue }: LoggedCall) => `${operation} ${queue}`,
    newExtra: () => ({ outcomes: {} as Record<string, number> }),
    count: ({ outcomes }, { outcome }) => addOne(outcomes, outcome),
  });
  let era = 0;

  return {
    faults,
    latency,
    log: {
      summary(query = {}) {
        const { operation, queue, limit } = filterSchema.parse(query);
        const fits = makeNameMatcher(queue ?? "*");
        const shows = (call: LoggedCall): boolean => (!operation || call.operation === operation) && fits(call.queue);
        return log.summary(shows, limit);
      },
      clear: log.clear,
    },
    begin(operation, queue, client) {
      const at = clock.now();
      const startedAt = performance.now();
      const fate = faults.decide(operation, queue, at);
      const latencyMs = latency.of(operation, queue);
      const bornIn = era;
      let ended = false;
      return {
        fate,
        // Half on the way in, half on the way out: who is cut off early may or may not have been served.
        waitMs: fate.delayMs + latencyMs / 2,
        answerMs: latencyMs / 2,
        end(outcome) {
          if (ended || bornIn !== era) return;
          ended = true;
          const ms = Math.round((performance.now() - startedAt) * 10) / 10;
          const struck = fate.ids.length > 0 ? { faults: fate.ids } : {};
          log.add({ at: new Date(at).toISOString(), operation, queue, outcome, ms, client, ...struck });
        },
      };
    },
    reset() {
      era += 1;
      faults.remove();
      latency.set(0);
      log.clear();
    },
  };
}
