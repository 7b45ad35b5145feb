import { ConflictError } from "../errors.js";
import type { Checkpoint, CheckpointStore } from "../storage/checkpoints.js";

const tries = 8;

/**
 * Reads a checkpoint that several write to, lets `decide` say what it is to hold, and saves that; from the start when somebody was faster. Answers what it
 * holds then; ConflictError: somebody always was.
 */
export async function changeCheckpoint(
  checkpoints: CheckpointStore,
  [flow, stream]: readonly [flow: string, stream: string],
  decide: (values: Checkpoint["values"]) => Checkpoint["values"],
): Promise<Checkpoint["values"]> {
  for (let tried = 1; ; tried += 1) {
    const current = await checkpoints.read(flow, stream);
    const values = decide(current?.values ?? {});
    try {
      await checkpoints.save(flow, stream, values, current?.etag);
      return values;
    } catch (error) {
      if (!(error instanceof ConflictError) || tried === tries) throw error;
    }
  }
}
