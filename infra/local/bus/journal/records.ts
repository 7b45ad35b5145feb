// The lines of the journal: compact JSON, one commit a line. What is in a record is here; files are in journal.ts.
import type { DeadLetter, Message, MessageContent } from "../core/message.js";
import type { Shelf } from "../core/recorder.js";

type Flag = 0 | 1;

interface StoredContent {
  readonly a?: string;
  readonly p: string;
  readonly x?: string;
  readonly b: string;
}

interface StoredMessage {
  readonly id: string;
  readonly session?: string;
  readonly at: number;
  readonly due?: number;
  readonly ttl?: number;
  readonly bytes: number;
  readonly dead?: DeadLetter;
  readonly content: StoredContent;
}

/** One change. Messages are named by queue, dead-letter flag and sequence number. */
export type JournalRecord =
  | readonly ["put", string, Flag, number, MessageStatus, StoredMessage]
  | readonly ["is", string, Flag, number, MessageStatus]
  | readonly ["drop", string, Flag, number]
  | readonly ["seen", string, string, number]
  | readonly ["state", string, string, string | null]
  | readonly ["last", string, number];

/** What changes about a message during its life. */
type MessageStatus = readonly [state: Message["state"], deliveryCount: number, locked: Flag];

const flag = (value: boolean): Flag => (value ? 1 : 0);

const toStoredContent = (content: MessageContent): StoredContent => ({
  ...(content.annotations && { a: content.annotations.toString("base64") }),
  p: content.properties.toString("base64"),
  ...(content.applicationProperties && { x: content.applicationProperties.toString("base64") }),
  b: content.body.toString("base64"),
});

const fromStoredContent = (stored: StoredContent): MessageContent => ({
  annotations: stored.a === undefined ? undefined : Buffer.from(stored.a, "base64"),
  properties: Buffer.from(stored.p, "base64"),
  applicationProperties: stored.x === undefined ? undefined : Buffer.from(stored.x, "base64"),
  body: Buffer.from(stored.b, "base64"),
});

const statusOf = (message: Message): MessageStatus => [
  message.state,
  message.deliveryCount,
  flag(message.place === "locked"),
];

/** The record of a message with its content. */
export function putRecord(shelf: Shelf, message: Message): JournalRecord {
  const stored: StoredMessage = {
    id: message.messageId,
    ...(message.sessionId !== undefined && { session: message.sessionId }),
    at: message.enqueuedAt,
    ...(message.dueAt !== undefined && { due: message.dueAt }),
    ...(message.ttlMs !== undefined && { ttl: message.ttlMs }),
    bytes: message.sizeBytes,
    ...(message.deadLetter !== undefined && { dead: message.deadLetter }),
    content: toStoredContent(message.content),
  };
  return ["put", shelf.queue, flag(shelf.dead), message.sequenceNumber, statusOf(message), stored];
}

/** The record of a message whose content did not change. */
export function statusRecord(shelf: Shelf, message: Message): JournalRecord {
  return ["is", shelf.queue, flag(shelf.dead), message.sequenceNumber, statusOf(message)];
}

/** The record of a message that is no longer there. */
export function dropRecord(shelf: Shelf, sequenceNumber: number): JournalRecord {
  return ["drop", shelf.queue, flag(shelf.dead), sequenceNumber];
}

/** A message as read back, and whether a receiver held it. */
export interface KeptMessage {
  readonly message: Message;
  wasLocked: boolean;
}

/** What a journal says about one queue. */
export interface KeptQueue {
  readonly main: Map<number, KeptMessage>;
  readonly dead: Map<number, KeptMessage>;
  readonly states: Map<string, Buffer>;
  readonly seen: Map<string, number>;
  last: number;
}

const toMessage = (sequenceNumber: number, status: MessageStatus, stored: StoredMessage): KeptMessage => ({
  message: {
    sequenceNumber,
    messageId: stored.id,
    sessionId: stored.session,
    enqueuedAt: stored.at,
    dueAt: stored.due,
    ttlMs: stored.ttl,
    sizeBytes: stored.bytes,
    deadLetter:
      stored.dead === undefined
        ? undefined
        : { reason: stored.dead.reason, description: stored.dead.description, source: stored.dead.source },
    content: fromStoredContent(stored.content),
    deliveryCount: status[1],
    state: status[0],
    place: "aside",
  },
  wasLocked: status[2] === 1,
});

/** Applies one record to what is known so far. Applying a journal twice gives the same. */
export function applyRecord(queues: Map<string, KeptQueue>, record: JournalRecord): void {
  const queue = keptQueue(queues, record[1]);
  switch (record[0]) {
    case "put": {
      const [, , dead, sequenceNumber, status, stored] = record;
      (dead ? queue.dead : queue.main).set(sequenceNumber, toMessage(sequenceNumber, status, stored));
      queue.last = Math.max(queue.last, sequenceNumber);
      return;
    }
    case "is": {
      const [, , dead, sequenceNumber, status] = record;
      const kept = (dead ? queue.dead : queue.main).get(sequenceNumber);
      if (kept === undefined) return;
      [kept.message.state, kept.message.deliveryCount] = status;
      kept.wasLocked = status[2] === 1;
      return;
    }
    case "drop":
      (record[2] ? queue.dead : queue.main).delete(record[3]);
      return;
    case "seen":
      queue.seen.set(record[2], record[3]);
      return;
    case "state":
      if (record[3] === null) queue.states.delete(record[2]);
      else queue.states.set(record[2], Buffer.from(record[3], "base64"));
      return;
    case "last":
      queue.last = Math.max(queue.last, record[2]);
      return;
  }
}

const keptQueue = (queues: Map<string, KeptQueue>, name: string): KeptQueue => {
  const known = queues.get(name);
  if (known !== undefined) return known;
  const fresh: KeptQueue = { main: new Map(), dead: new Map(), states: new Map(), seen: new Map(), last: 0 };
  queues.set(name, fresh);
  return fresh;
};
