// What a message is to the broker's core: identity, times, state and an opaque content. The AMQP encoding is not known here.

/** The parts of a message the core stores and returns untouched; encoded AMQP sections, see amqp/message-codec.ts. */
export interface MessageContent {
  /** Annotations of the sender's own, absent when there are none. */
  readonly annotations: Buffer | undefined;
  readonly properties: Buffer;
  readonly applicationProperties: Buffer | undefined;
  readonly body: Buffer;
}

/** A message as somebody wants to send it. */
export interface Draft {
  readonly messageId: string;
  readonly sessionId: string | undefined;
  /** Time to live in milliseconds from being enqueued; the queue's default caps it. */
  readonly ttlMs: number | undefined;
  /** Instant from which it may be received; past instants mean now. */
  readonly dueAt: number | undefined;
  readonly sizeBytes: number;
  readonly content: MessageContent;
}

/** Why a message is in the dead-letter queue, and of which queue. */
export interface DeadLetter {
  readonly reason: string | undefined;
  readonly description: string | undefined;
  readonly source: string;
}

/** A message in a queue or in its dead-letter queue. */
export interface Message {
  readonly sequenceNumber: number;
  readonly messageId: string;
  readonly sessionId: string | undefined;
  readonly enqueuedAt: number;
  readonly dueAt: number | undefined;
  readonly ttlMs: number | undefined;
  readonly sizeBytes: number;
  readonly deadLetter: DeadLetter | undefined;
  content: MessageContent;
  /** Failed deliveries so far: 0 at the first delivery. */
  deliveryCount: number;
  state: "active" | "deferred" | "scheduled";
  /** Where the core keeps it: waiting for a receiver, locked by one, set aside (deferred, scheduled), or no longer there. */
  place: "ready" | "locked" | "aside" | "gone";
}

/** The instant a message expires; undefined when it never does. Messages in a dead-letter queue do not expire. */
export function expiresAt(message: Message): number | undefined {
  if (message.ttlMs === undefined || message.deadLetter !== undefined) return undefined;
  return message.enqueuedAt + message.ttlMs;
}
