import type { ChangeQueue } from "../../shared/flows/ports.js";

/** Messages waiting in all lanes together, counted up to `limit`. */
export async function depthOf(queue: Pick<ChangeQueue, "depths">, limit: number): Promise<number> {
  return [...(await queue.depths(limit)).values()].reduce((sum, depth) => sum + depth, 0);
}
