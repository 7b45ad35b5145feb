/** Properties of one queue, in the units their names say. infra/ (Bicep and the local broker) is held against this. */
export interface QueueDefinition {
  requiresSession: boolean;
  lockDurationSeconds: number;
  maxDeliveryCount: number;
  /** Window in which a repeated message id is dropped; without one none is. */
  duplicateDetectionSeconds: number | undefined;
  timeToLiveDays: number;
  deadLetteringOnMessageExpiration: boolean;
}

const lanes = {
  requiresSession: true,
  lockDurationSeconds: 60,
  maxDeliveryCount: 10,
  duplicateDetectionSeconds: 600,
  timeToLiveDays: 14,
  deadLetteringOnMessageExpiration: true,
} as const;

/** Every queue of this product by name: the single source (design.md §3). A dry run has lanes of its own: what waits for the real run is not touched by it. */
export const queues = {
  changes: lanes,
  "changes-dry": lanes,
  "dataverse-notices": {
    requiresSession: false,
    lockDurationSeconds: 60,
    maxDeliveryCount: 10,
    duplicateDetectionSeconds: undefined,
    timeToLiveDays: 14,
    deadLetteringOnMessageExpiration: true,
  },
} as const satisfies Record<string, QueueDefinition>;

type LanesQueue = "changes" | "changes-dry";

/** Which queue the lanes work off. */
export function lanesQueueOf(isDryRun: boolean): LanesQueue {
  return isDryRun ? "changes-dry" : "changes";
}
