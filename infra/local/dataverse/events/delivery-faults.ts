// Faults of the road between Dataverse and a webhook's receiver or a bus: lost, doubled, late, shuffled. Decided once per delivery.
import { z } from "zod";
import { type FaultTrigger, makeFaultTrigger } from "../../sim/fault-engine.js";
import type { CoreFault, CoreFaults, SimWorld } from "../../sim/types.js";

/** The roads a step's context can take. */
export type Road = "webhook" | "bus";

const effectSchema = z
  .looseObject({
    on: z.enum(["webhook", "bus"], 'kinds of faults here: "webhook", "bus"'),
    drop: z.literal(true).optional(),
    double: z.literal(true).optional(),
    delayMs: z.number().min(0).optional(),
    shuffleMs: z.number().min(0).optional(),
    table: z.string().optional(),
    message: z.string().optional(),
  })
  .refine((fault) => fault.drop ?? fault.double ?? fault.delayMs ?? fault.shuffleMs, {
    path: ["drop"],
    error: "a webhook or bus fault needs one of drop, double, delayMs, shuffleMs",
  });
const TIMING = ["times", "rate", "from", "to", "after", "seed"];
const KNOWN = new Set([...Object.keys(effectSchema.shape), ...TIMING]);

/** When each copy of a delivery leaves, in milliseconds from now; none when it is lost. */
export type Departures = number[];

/** The faults, and their decision about one delivery. */
export interface DeliveryFaults extends CoreFaults {
  decide(road: Road, message: string, table: string): Departures;
}

/** Makes an empty set of faults. */
export function makeDeliveryFaults(world: SimWorld): DeliveryFaults {
  const startedAtMs = world.now();
  let added = 0;
  let faults: { id: string; fault: z.infer<typeof effectSchema>; trigger: FaultTrigger }[] = [];
  return {
    add(id, fault: CoreFault) {
      const result = effectSchema.safeParse(fault);
      const unknown = Object.keys(fault).find((name) => !KNOWN.has(name));
      if (unknown) throw new Error(`${unknown}: a webhook or bus fault has no such member`);
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
    decide(road, message, table) {
      let departures: Departures = [0];
      for (const { fault, trigger } of faults) {
        const matches = fault.on === road && (fault.table ?? table) === table && (fault.message ?? message) === message;
        if (!matches || !trigger.strikes(world.now())) continue;
        if (fault.double) departures = [...departures, ...departures];
        departures = departures.map((at) => at + (fault.delayMs ?? 0) + world.random() * (fault.shuffleMs ?? 0));
        if (fault.drop) departures = [];
      }
      return departures;
    },
  };
}
