import { ConflictError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import type { CheckpointStore } from "../storage/checkpoints.js";
import type { FailureStore } from "../storage/failures.js";

/** What the purge works with. */
export interface PurgePorts {
  failures: FailureStore;
  checkpoints: CheckpointStore;
  clock: Clock;
}

const day = 24 * 3_600_000;
/** Failures are kept for so long after they were resolved or dismissed. */
export const failureRetentionMs = 90 * day;

const [flow, stream] = ["maintenance", "purge-failures"];

/**
 * Removes failures that were resolved or dismissed more than 90 days ago; open ones are kept for ever. Call it as often as you like: it does
 * something once a day, and when it ran into `deadline` (epoch ms) the next call goes on. Answers how many are gone.
 */
export async function purgeFailures({ failures, checkpoints, clock }: PurgePorts, deadline: number): Promise<number> {
  const last = await checkpoints.read(flow, stream);
  const now = clock.now();
  if (last && now - Date.parse(String(last.values.at)) < day) return 0;
  const { removed, done } = await failures.purge(now - failureRetentionMs, deadline);
  if (done) {
    await checkpoints
      .save(flow, stream, { at: new Date(now).toISOString(), removed }, last?.etag)
      .catch(ignoreConflict);
  }
  return removed;
}

/** Another instance purged at the same time, which is as good. */
function ignoreConflict(error: unknown): void {
  if (!(error instanceof ConflictError)) throw error;
}
