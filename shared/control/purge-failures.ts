import type { FailureStore } from "../storage/failures.js";
import { type PurgePorts, purgeDaily } from "./purge-daily.js";

/** Failures are kept for so long after they were resolved or dismissed. */
export const failureRetentionMs = 90 * 24 * 3_600_000;

/**
 * Removes failures that were resolved or dismissed more than 90 days ago; open ones are kept for ever. Call it as often as you like: it does
 * something once a day, and when it ran into `deadline` (epoch ms) the next call goes on. Answers how many are gone.
 */
export function purgeFailures(
  { failures, ...ports }: PurgePorts & { failures: FailureStore },
  deadline: number,
): Promise<number> {
  return purgeDaily(ports, "purge-failures", failureRetentionMs, (before) => failures.purge(before, deadline));
}
