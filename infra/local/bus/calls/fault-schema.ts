// What a fault of the bus may say (README.md). When it strikes is in ../../sim/, what it then does is in calls.ts and ../amqp/.
import { z } from "zod";
import { readFaults, timingMembers } from "../../sim/fault-schema.js";

/** What a client can ask of the bus, and `deliver`, what the bus does to a client. */
export const operations = ["authorize", "attach", "send", "deliver", "settle", "manage"] as const;

/** One thing that happens between a client and a queue. */
export type Operation = (typeof operations)[number];

/** The `on` of a fault or a latency: an operation or `*`, and a glob over names of queues. */
export const onSchema = z
  .string()
  .regex(
    new RegExp(`^(\\*|${operations.join("|")}) \\S+$`),
    `must read "OPERATION queue", e.g. "send orders" or "* *"; operations are ${operations.join(", ")}`,
  );

const busFaultSchema = z
  .strictObject({
    on: onSchema,
    ...timingMembers,
    answer: z
      .strictObject({ condition: z.string().min(1), description: z.string().default("A fault was asked for.") })
      .optional(),
    delayMs: z.number().min(0).max(600_000).optional(),
    reset: z.literal("before").optional(),
    lost: z.literal(true).optional(),
    lockLost: z.union([z.literal(true), z.number().min(0).max(600_000)]).optional(),
  })
  .superRefine(({ on, answer, delayMs, reset, lost, lockLost }, context) => {
    const refuse = (field: string, message: string): void => {
      context.addIssue({ code: "custom", path: [field], message });
    };
    const isDelivery = on.startsWith("deliver ");
    if (!answer && delayMs === undefined && !reset && !lost && lockLost === undefined) {
      refuse("answer", "a fault needs one of answer, delayMs, reset, lost, lockLost");
    }
    if (lost && answer) refuse("lost", "it would never take effect: lost cannot go with answer");
    if (lost && reset) refuse("lost", "cannot go with reset");
    if (reset && answer) refuse("reset", "sends nothing: it cannot go with answer");
    if (answer && isDelivery) refuse("answer", "a delivery is not answered");
    if (lockLost !== undefined && !isDelivery) refuse("lockLost", 'only on "deliver QUEUE"');
    if (lockLost !== undefined && (reset || lost)) refuse("lockLost", "cannot go with reset or lost");
  });

/** A fault in force. */
export type BusFault = z.output<typeof busFaultSchema>;

/** A fault as posted. */
export type BusFaultRequest = z.input<typeof busFaultSchema>;

/** Reads one fault or an array of them; throws FaultSyntaxError that names the field. */
export function parseBusFaults(body: unknown): BusFault[] {
  return readFaults<BusFault>(body, () => busFaultSchema);
}
