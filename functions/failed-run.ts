import { ConflictError, peerOf } from "../shared/errors.js";
import type { Gates } from "../shared/flows/ports.js";
import { isPeersTrouble } from "../shared/flows/settle.js";
import { errorFacts, type Log } from "../shared/log/log.js";

/** Says that a timer's run failed and tells the gates what a peer has; throws the error again unless another run owns the stream: then nothing is wrong. */
export async function failedRun(log: Log, gates: Gates, event: string, error: unknown): Promise<void> {
  log.error(event, errorFacts(error));
  const peer = peerOf(error);
  if (peer && isPeersTrouble(error)) await gates.trouble(peer, error);
  if (!(error instanceof ConflictError)) throw error;
}
