import { z } from "zod";
import { unreadableTable } from "../flows/collect-dead-letter.js";
import type { FailureRecord } from "../storage/failures.js";
import { fixOf } from "./failure-fixes.js";
import { instant } from "./shapes.js";

/** Status of a failure. */
export const failureStatuses = ["open", "resolved", "dismissed"] as const;

/** A failure as the API shows it. `canRedrive`: false for a message that nobody could read. */
export const failureSchema = z
  .object({
    flow: z.enum(["ingress", "egress"]),
    table: z.string(),
    id: z.string(),
    status: z.enum(failureStatuses),
    reason: z.string(),
    code: z.string(),
    message: z.string(),
    attempts: z.int(),
    reports: z.int(),
    cause: z.string(),
    correlationId: z.string(),
    firstAt: instant,
    lastAt: instant,
    redrivenAt: instant.optional(),
    resolvedAt: instant.optional(),
    dismissedAt: instant.optional(),
    by: z.string().optional(),
    fix: z.string(),
    canRedrive: z.boolean(),
  })
  .meta({ id: "Failure" });

/** The failure for an operator. */
export function toFailureView(failure: FailureRecord): z.output<typeof failureSchema> {
  return { ...failure, fix: fixOf(failure), canRedrive: failure.table !== unreadableTable };
}
