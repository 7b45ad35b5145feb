// Rows that were deleted while nobody looked: the token had expired, or the table was not followed yet. After a full read, whatever we hold in
// Campaign is held against Dynamics.

import type { CompiledMapping } from "../mapping/compile.js";
import type { RecordId } from "../model/ids.js";
import { buckets } from "../model/lane.js";
import { type IngressPorts, maxIdsPerRead } from "./ports.js";
import { bareEnvelope, type News } from "./sweep-envelopes.js";

/** How far it got: the next bucket to look at (256: the end) and how many suspects were queued. */
export interface UnseenProgress {
  bucket: number;
  suspects: number;
}

/**
 * Looks through the sync states from `bucket` on, some buckets a step, and queues a delete for every record of ours that Dynamics does not
 * return. It is only a suspicion: the lane reads the row once more, and only 0x80040217 means deleted.
 */
export async function findUnseenDeletes(
  ports: IngressPorts,
  mapping: CompiledMapping,
  bucket: number,
  news: News,
): Promise<UnseenProgress> {
  let ids: RecordId[] = [];
  let [next, suspects] = [bucket, 0];
  const ask = async (): Promise<void> => {
    if (ids.length === 0) return;
    const there = await ports.dynamics.existing(mapping, ids);
    const missing = ids.filter((id) => !there.has(id));
    await ports.queue.send(missing.map((id) => bareEnvelope(mapping, id, "delete", news)));
    suspects += missing.length;
    ids = [];
  };
  let asked = false;
  while (next < buckets && !asked) {
    for await (const { id, state } of ports.states.list(mapping.table.name, next)) {
      if (state.present || state.intent) ids.push(id);
      if (ids.length < maxIdsPerRead) continue;
      await ask();
      asked = true;
    }
    next += 1;
  }
  await ask();
  return { bucket: next, suspects };
}
