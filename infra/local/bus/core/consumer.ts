import type { Message } from "./message.js";

/** What a receiver gets with a message in peek-lock mode. `token` is 32 hex digits. */
export interface LockHandle {
  readonly token: string;
  readonly lockedUntil: number;
}

/** A receiver as the core sees it. `deliver` must not throw; without a lock the message is already gone from the queue. */
export interface Consumer {
  readonly mode: "peekLock" | "receiveAndDelete";
  /** How many more messages it takes now. */
  credit(): number;
  deliver(message: Message, lock: LockHandle | undefined): void;
}

/** Receivers of one queue, served in turn. */
export interface Rotation {
  add(consumer: Consumer): void;
  delete(consumer: Consumer): void;
  /** The next receiver that has credit. */
  next(): Consumer | undefined;
}

/** Makes an empty rotation. */
export function makeRotation(): Rotation {
  const consumers: Consumer[] = [];
  let turn = 0;

  return {
    add: (consumer) => void consumers.push(consumer),
    delete(consumer) {
      const index = consumers.indexOf(consumer);
      if (index >= 0) consumers.splice(index, 1);
    },
    next() {
      for (let tried = 0; tried < consumers.length; tried++) {
        turn = (turn + 1) % consumers.length;
        const consumer = consumers[turn];
        if (consumer !== undefined && consumer.credit() > 0) return consumer;
      }
      return undefined;
    },
  };
}
