import { queues } from "../../shared/messaging/queues.js";
import type { QueueSettings } from "./bus/core/queue-options.js";

const dayMs = 86_400_000;

/** The product's queues (shared/messaging/queues.ts) as the local broker takes them. */
export function brokerQueues(): QueueSettings[] {
  return Object.entries(queues).map(([name, queue]) => ({
    name,
    requiresSession: queue.requiresSession,
    lockDurationMs: queue.lockDurationSeconds * 1000,
    maxDeliveryCount: queue.maxDeliveryCount,
    ...(queue.duplicateDetectionSeconds !== undefined && {
      duplicateDetectionWindowMs: queue.duplicateDetectionSeconds * 1000,
    }),
    defaultTtlMs: queue.timeToLiveDays * dayMs,
    deadLetteringOnMessageExpiration: queue.deadLetteringOnMessageExpiration,
  }));
}
