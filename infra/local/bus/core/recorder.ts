import type { Message } from "./message.js";

/** Which store of a broker a message is in: a queue, or the dead-letter queue of that queue. */
export interface Shelf {
  readonly queue: string;
  readonly dead: boolean;
}

/**
 * Keeps what must survive the death of the process. The core calls it for every durable change and calls `commit` before
 * whoever asked for the change hears of it; what lies between two commits is kept whole or not at all.
 */
export interface Recorder {
  /** The message is as given; `fresh` says that its content is new or changed. */
  put(shelf: Shelf, message: Message, fresh: boolean): void;
  drop(shelf: Shelf, sequenceNumber: number): void;
  /** A message id that duplicate detection has to remember. */
  seen(queue: string, messageId: string, at: number): void;
  sessionState(queue: string, sessionId: string, state: Buffer | undefined): void;
  commit(): void;
}

/** Keeps nothing: the broker without `--data`. */
export const noRecorder: Recorder = { put() {}, drop() {}, seen() {}, sessionState() {}, commit() {} };
