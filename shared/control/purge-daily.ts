import { ConflictError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import type { CheckpointStore } from "../storage/checkpoints.js";

/** What a daily purge works with. */
export interface PurgePorts {
  checkpoints: CheckpointStore;
  clock: Clock;
}

const flow = "maintenance";
const day = 24 * 3_600_000;

/**
 * Runs `purge` once a day, however often it is asked: with the time (epoch ms) `retentionMs` ago, for what is older goes. When it ran
 * out of time the next call goes on. Answers how many are gone.
 */
export async function purgeDaily(
  { checkpoints, clock }: PurgePorts,
  stream: string,
  retentionMs: number,
  purge: (before: number) => Promise<{ removed: number; done: boolean }>,
): Promise<number> {
  const last = await checkpoints.read(flow, stream);
  const now = clock.now();
  if (last && now - Date.parse(String(last.values.at)) < day) return 0;
  const { removed, done } = await purge(now - retentionMs);
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
