// The local broker inside the test process, with the queues that shared/messaging/queues.ts describes.

import { type Broker, startBroker } from "../../infra/local/bus/broker.js";
import { queues } from "../../shared/messaging/queues.js";

/** Starts a broker with every queue of the product, on `port` (0: a free one) of 127.0.0.1. */
export function startTestBroker(port = 0): Promise<Broker> {
  const settings = Object.entries(queues).map(([name, queue]) => ({
    name,
    requiresSession: queue.requiresSession,
    lockDurationMs: queue.lockDurationSeconds * 1_000,
    maxDeliveryCount: queue.maxDeliveryCount,
    duplicateDetectionWindowMs: queue.duplicateDetectionSeconds * 1_000,
    defaultTtlMs: queue.timeToLiveDays * 24 * 3_600_000,
    deadLetteringOnMessageExpiration: queue.deadLetteringOnMessageExpiration,
  }));
  return startBroker({ port, queues: settings });
}
