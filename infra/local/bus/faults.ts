// Faults as data: what goes wrong, where, and how often. Where they strike is in amqp/; README.md has the language for users.
import { z } from "zod";

/** The operations a fault can strike. */
export const faultPoints = ["authorize", "attach", "send", "deliver", "settle", "manage"] as const;

/** One operation a fault can strike. */
export type FaultPoint = (typeof faultPoints)[number];

const kindsAt: Record<FaultPoint, readonly string[]> = {
  authorize: ["refuse"],
  attach: ["refuse", "drop-connection", "delay"],
  send: ["refuse", "drop-connection", "lose-answer", "delay"],
  deliver: ["drop-connection", "lose-lock"],
  settle: ["refuse", "drop-connection", "lose-answer", "delay"],
  manage: ["refuse", "drop-connection", "lose-answer", "delay"],
};

/** A fault as posted. `times` counts strikes, `skip` lets operations pass first, `rate` strikes only a share of them. */
export const faultSchema = z
  .strictObject({
    queue: z.string().optional(),
    on: z.enum(faultPoints),
    kind: z.enum(["refuse", "drop-connection", "lose-answer", "lose-lock", "delay"]),
    times: z.union([z.int().positive(), z.literal("always")]).default(1),
    skip: z.int().nonnegative().default(0),
    rate: z.number().gt(0).max(1).default(1),
    ms: z.number().nonnegative().default(0),
    condition: z.string().default("com.microsoft:server-busy"),
    description: z.string().default("A fault was asked for."),
  })
  .refine((fault) => kindsAt[fault.on].includes(fault.kind), {
    error: "this kind of fault is not available on that operation",
  });

/** A fault in force. */
export type Fault = z.output<typeof faultSchema>;

/** A fault as posted, defaults left out. */
export type FaultRequest = z.input<typeof faultSchema>;

/** The faults in force. */
export interface Faults {
  /** Adds one fault or a list; throws with every problem when one of them is not a fault, and then adds none. */
  add(value: unknown): void;
  /** The fault that strikes this operation now, if any; the first added that fits. Counts it. */
  strike(on: FaultPoint, queue: string): Fault | undefined;
  list(): readonly Fault[];
  /** Removes all and starts the seed's history again. */
  clear(): void;
}

/** Makes an empty set of faults; `seed` decides about rates, so that one seed gives one history. */
export function makeFaults(seed: number): Faults {
  let faults: Fault[] = [];
  let random = makeRandom(seed);

  const fits = (fault: Fault, on: FaultPoint, queue: string): boolean =>
    fault.on === on && (fault.queue === undefined || fault.queue.toLowerCase() === queue.toLowerCase());

  const strikes = (fault: Fault): boolean => {
    if (fault.skip > 0) {
      fault.skip--;
      return false;
    }
    return fault.rate === 1 || random() < fault.rate;
  };

  return {
    add(value) {
      const parsed = z.array(faultSchema).safeParse(Array.isArray(value) ? value : [value]);
      if (!parsed.success) throw new Error(`Not a fault:\n${z.prettifyError(parsed.error)}`);
      faults.push(...parsed.data);
    },
    strike(on, queue) {
      const fault = faults.find((candidate) => fits(candidate, on, queue) && strikes(candidate));
      if (fault === undefined) return undefined;
      if (fault.times !== "always") fault.times--;
      if (fault.times === 0) faults = faults.filter((other) => other !== fault);
      return fault;
    },
    list: () => faults,
    clear() {
      faults = [];
      random = makeRandom(seed);
    },
  };
}

/** A small seeded generator (mulberry32) of numbers from 0 up to 1. */
function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
