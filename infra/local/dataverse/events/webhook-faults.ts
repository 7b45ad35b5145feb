// Faults of the road between Dataverse and the webhook's receiver: lost, doubled, late, shuffled. Decided once per delivery.
import { z } from "zod";
import { type FaultTrigger, makeFaultTrigger } from "../../sim/fault-engine.js";
import type { CoreFault, CoreFaults, SimWorld } from "../../sim/types.js";

const effectSchema = z
  .looseObject({
    on: z.literal("webhook", 'kinds of faults here: "webhook"'),
    drop: z.literal(true).optional(),
    double: z.literal(true).optional(),
    delayMs: z.number().min(0).optional(),
    shuffleMs: z.number().min(0).optional(),
    table: z.string().optional(),
    message: z.string().optional(),
  })
  .refine((fault) => fault.drop ?? fault.double ?? fault.delayMs ?? fault.shuffleMs, {
    path: ["drop"],
    error: "a webhook fault needs one of drop, double, delayMs, shuffleMs",
  });
const KNOWN = new Set([
  "on",
  "times",
  "rate",
  "from",
  "to",
  "after",
  "seed",
  "drop",
  "double",
  "delayMs",
  "shuffleMs",
  "table",
  "message",
]);

/** When each copy of a delivery leaves, in milliseconds from now; none when it is lost. */
export type Departures = number[];

/** The faults, and their decision about one delivery. */
export interface WebhookFaults extends CoreFaults {
  decide(message: string, table: string): Departures;
}

/** Makes an empty set of faults. */
export function makeWebhookFaults(world: SimWorld): WebhookFaults {
  const startedAtMs = world.now();
  let added = 0;
  let faults: { id: string; fault: z.infer<typeof effectSchema>; trigger: FaultTrigger }[] = [];
  return {
    add(id, fault: CoreFault) {
      const result = effectSchema.safeParse(fault);
      const unknown = Object.keys(fault).find((name) => !KNOWN.has(name));
      if (unknown) throw new Error(`${unknown}: a webhook fault has no such member`);
      if (!result.success)
        throw new Error(result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
      added += 1;
      faults.push({ id, fault: result.data, trigger: makeFaultTrigger(fault, startedAtMs, 5000 + added) });
    },
    list: () => faults.map(({ id, fault, trigger }) => ({ id, ...fault, ...trigger.counts() })),
    remove(id) {
      const before = faults.length;
      faults = id === undefined ? [] : faults.filter((entry) => entry.id !== id);
      return before - faults.length;
    },
    decide(message, table) {
      let departures: Departures = [0];
      for (const { fault, trigger } of faults) {
        const matches = (fault.table ?? table) === table && (fault.message ?? message) === message;
        if (!matches || !trigger.strikes(world.now())) continue;
        if (fault.double) departures = [...departures, ...departures];
        departures = departures.map((at) => at + (fault.delayMs ?? 0) + world.random() * (fault.shuffleMs ?? 0));
        if (fault.drop) departures = [];
      }
      return departures;
    },
  };
}
