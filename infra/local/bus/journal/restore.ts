import type { Queue } from "../core/queue.js";
import { type JournalRecord, type KeptQueue, putRecord } from "./records.js";

/**
 * Brings back into empty queues what a journal kept. Messages that were locked come back as after a lost lock: with one more
 * failed delivery. Throws when the journal knows a queue that is not configured any more.
 */
export function restoreQueues(queues: ReadonlyMap<string, Queue>, kept: ReadonlyMap<string, KeptQueue>): void {
  for (const [name, keptQueue] of kept) {
    const queue = queues.get(name.toLowerCase());
    if (queue === undefined) {
      throw new Error(`The data directory holds messages of queue "${name}", which is not configured`);
    }
    queue.skipTo(keptQueue.last);
    for (const [messageId, seenAt] of keptQueue.seen) queue.restoreSeen(messageId, seenAt);
    for (const [sessionId, state] of keptQueue.states) queue.main.setSessionState(sessionId, state);
    for (const { message, wasLocked } of keptQueue.dead.values()) queue.restore(message, wasLocked);
    for (const { message, wasLocked } of keptQueue.main.values()) queue.restore(message, wasLocked);
  }
}

/** Everything there is in some queues, as the records that would bring it back. */
export function* snapshotOf(queues: Iterable<Queue>): Iterable<JournalRecord> {
  for (const queue of queues) {
    const { name } = queue.options;
    yield ["last", name, queue.lastSequenceNumber];
    for (const [messageId, seenAt] of queue.seen()) yield ["seen", name, messageId, seenAt];
    for (const session of queue.main.sessions?.all() ?? []) {
      if (session.state !== undefined) yield ["state", name, session.id, session.state.toString("base64")];
    }
    for (const store of [queue.main, queue.dead])
      for (const message of store.all()) yield putRecord(store.shelf, message);
  }
}
