import { z } from "zod";

const minuteMs = 60_000;

/**
 * One queue as data. Upper limits are those of the real service; lower ones (5 s locks, 20 s window) are not enforced, so
 * that tests can be quick.
 */
export const queueOptionsSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?$/, "not a queue name"),
  lockDurationMs: z
    .int()
    .positive()
    .max(5 * minuteMs)
    .default(minuteMs),
  maxDeliveryCount: z.int().min(1).max(2000).default(10),
  requiresSession: z.boolean().default(false),
  /** Absent: no duplicate detection. */
  duplicateDetectionWindowMs: z
    .int()
    .positive()
    .max(7 * 24 * 60 * minuteMs)
    .optional(),
  /** Absent: messages live for ever unless they say otherwise. */
  defaultTtlMs: z.int().positive().optional(),
  deadLetteringOnMessageExpiration: z.boolean().default(false),
  /** 256 KB as in the Standard tier; Premium: 1 MB by default, up to 100 MB. */
  maxMessageBytes: z
    .int()
    .positive()
    .max(100 * 1024 * 1024)
    .default(262_144),
  /** Unconfirmed: does deferring a message raise its delivery count? */
  deferralCountsAsDelivery: z.boolean().default(true),
});

/** One queue's options, defaults filled in. */
export type QueueOptions = z.output<typeof queueOptionsSchema>;

/** One queue's options as written in a file. */
export type QueueSettings = z.input<typeof queueOptionsSchema>;

const queuesSchema = z.array(queueOptionsSchema).min(1);

/** Reads a list of queues; throws with every problem at once. Names are unique without regard to case. */
export function parseQueues(value: unknown): QueueOptions[] {
  const parsed = queuesSchema.safeParse(value);
  if (!parsed.success) throw new Error(`Not a list of queues:\n${z.prettifyError(parsed.error)}`);
  const names = new Set<string>();
  for (const { name } of parsed.data) {
    if (names.has(name.toLowerCase())) throw new Error(`Queue "${name}" is listed twice`);
    names.add(name.toLowerCase());
  }
  return parsed.data;
}
