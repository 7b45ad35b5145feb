// Everything clients ask passes here: faults and latency are decided, and it is logged. What a fault then does is the caller's.

import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { addOne, makeCountedLog } from "../sim/counted-log.js";
import { makeFaultSet } from "../sim/fault-engine.js";
import { makeLatency } from "../sim/latency.js";
import { makeRequestMatcher } from "../sim/path-pattern.js";
import { makeRandom } from "../sim/random.js";
import { onSchema, parseSftpFaults, type SftpFault } from "./fault-schema.js";

/** What the faults that strike one call do to it together. */
export type Fate = Pick<SftpFault, "answer" | "reset" | "lost" | "endsAt" | "fullAt">;

/** One call from its arrival to its end. */
export interface Call {
  readonly fate: Fate;
  /** Waits until it takes effect: the delays of its faults and half of its latency. */
  arrive(): Promise<void>;
  /** Waits until its answer may go: the other half. */
  answer(): Promise<void>;
  /** Logs it; only the first time counts. `outcome`: a status, or "none" when the client got no answer. */
  end(outcome: string): void;
}

/** One logged call. No contents. */
export interface LoggedCall {
  readonly at: string;
  readonly operation: string;
  readonly path: string;
  readonly outcome: string;
  readonly ms: number;
  readonly client: string;
  /** Ids of the faults that struck it. */
  readonly faults?: readonly string[];
}

interface Occurrence {
  operation: string;
  path: string;
}

// The matcher of ../sim/ decodes what it is given; a file may have a percent sign in its name.
const makeCallMatcher = (on: string) => {
  const matches = makeRequestMatcher(on);
  return (operation: string, path: string): boolean => matches(operation, encodeURIComponent(path), "");
};

const decidesFate = ({ answer, reset, lost, endsAt, fullAt }: Fate): boolean =>
  [answer, reset, lost, endsAt, fullAt].some((effect) => effect !== undefined);

const filterSchema = z.object({ operation: z.string(), path: z.string(), limit: z.coerce.number() }).partial();

/** The calls of a server that has just started. */
export type Calls = ReturnType<typeof makeCalls>;

/** Makes the calls of a server; `signal` ends all waiting. */
export function makeCalls(seed: number, signal: AbortSignal) {
  const faults = makeFaultSet<SftpFault, Occurrence>({
    startedAtMs: Date.now(),
    seed,
    matcherOf({ on }) {
      const matches = makeCallMatcher(on);
      return ({ operation, path }) => matches(operation, path);
    },
    isFinal: decidesFate,
  });
  const latency = makeLatency({ rules: 0, onSchema, random: makeRandom(seed), matcherOf: makeCallMatcher });
  const log = makeCountedLog({
    keyOf: ({ operation, path }: LoggedCall) => `${operation} ${path}`,
    newExtra: () => ({ outcomes: {} as Record<string, number> }),
    count: ({ outcomes }, { outcome }) => addOne(outcomes, outcome),
  });
  let added = 0;

  const wait = async (ms: number): Promise<void> => {
    if (ms > 0) await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
  };

  return {
    faults: {
      list: faults.list,
      remove: faults.remove,
      /** Adds one fault or a list, all or none, and answers their ids. Throws FaultSyntaxError that names the field. */
      add: (body: unknown): string[] =>
        parseSftpFaults(body).map((fault) => {
          added += 1;
          const id = String(added);
          faults.add(id, fault);
          return id;
        }),
    },
    latency,
    log: {
      summary(query: Record<string, unknown> = {}): object {
        const { operation, path, limit } = filterSchema.parse(query);
        const shows = (call: LoggedCall): boolean =>
          (!operation || call.operation === operation) && (!path || call.path.includes(path));
        return log.summary(shows, limit);
      },
      clear: log.clear,
    },
    begin(operation: string, path: string, client: string): Call {
      const at = Date.now();
      const startedAt = performance.now();
      const struck = faults.strike({ operation, path }, at);
      const latencyMs = latency.of(operation, path);
      const delayMs = struck.reduce((sum, { fault }) => sum + (fault.delayMs ?? 0), 0);
      let ended = false;
      return {
        fate: struck.map(({ fault }): Fate => fault).find(decidesFate) ?? {},
        arrive: () => wait(delayMs + latencyMs / 2),
        answer: () => wait(latencyMs / 2),
        end(outcome) {
          if (ended) return;
          ended = true;
          const ms = Math.round((performance.now() - startedAt) * 10) / 10;
          const ids = struck.length > 0 ? { faults: struck.map(({ id }) => id) } : {};
          log.add({ at: new Date(at).toISOString(), operation, path, outcome, ms, client, ...ids });
        },
      };
    },
    /** Log, faults and latency as at the start. */
    reset(): void {
      faults.remove();
      latency.set(0);
      log.clear();
    },
  };
}
