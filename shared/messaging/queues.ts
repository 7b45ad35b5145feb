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

/** Every queue of this product by name: the single source (design.md §3). */
export const queues = {
  changes: {
    requiresSession: true,
    lockDurationSeconds: 60,
    maxDeliveryCount: 10,
    duplicateDetectionSeconds: 600,
    timeToLiveDays: 14,
    deadLetteringOnMessageExpiration: true,
  },
  "dataverse-notices": {
    requiresSession: false,
    lockDurationSeconds: 60,
    maxDeliveryCount: 10,
    duplicateDetectionSeconds: undefined,
    timeToLiveDays: 14,
    deadLetteringOnMessageExpiration: true,
  },
} as const satisfies Record<string, QueueDefinition>;
