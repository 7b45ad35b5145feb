// What the inspection routes show. Bodies of messages are never part of it.
import type { Message } from "../core/message.js";
import type { Queue } from "../core/queue.js";
import type { Store } from "../core/store.js";

/** Counts of one queue, and what happened to its messages since the process started. */
export function queueState({ options, main, dead }: Queue) {
  const { enqueued, delivered, completed, abandoned, deferred, deadLettered, lockLosses } = main.tally;
  return {
    name: options.name,
    active: main.counts.active,
    scheduled: main.counts.scheduled,
    deferred: main.counts.deferred,
    deadLetter: dead.size,
    locked: main.lockedCount,
    sessions: main.sessions?.count ?? 0,
    sessionsLocked: main.sessions?.heldCount ?? 0,
    total: { enqueued, delivered, completed, abandoned, deferred, deadLettered, lockLosses },
  };
}

const instant = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

const messageState = (message: Message) => ({
  messageId: message.messageId,
  sessionId: message.sessionId,
  sequenceNumber: message.sequenceNumber,
  deliveryCount: message.deliveryCount,
  state: message.state,
  locked: message.place === "locked",
  enqueuedAt: instant(message.enqueuedAt),
  dueAt: message.state === "scheduled" ? instant(message.dueAt) : undefined,
  sizeBytes: message.sizeBytes,
  deadLetter: message.deadLetter,
});

/** The messages of one store in the order of their sequence numbers, at most `limit`, from a number on. */
export function messagesState(store: Store, from: number, limit: number) {
  return store.peek(from, limit, undefined).map(messageState);
}
