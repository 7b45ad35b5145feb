// What one store holds, and where each message is: ready in a lane, set aside, locked, gone. Who holds the locks is in
// locks.ts, who receives is in store.ts.
import type { Clock } from "./clock.js";
import { type Lane, makeLane } from "./lane.js";
import { expiresAt, type Message, type MessageContent } from "./message.js";
import type { Recorder, Shelf } from "./recorder.js";
import { makeSequenceLog } from "./sequence-log.js";
import type { Session, SessionTable } from "./sessions.js";

/** Changes the content of a message that is being settled, e.g. its application properties. */
export type Modify = (content: MessageContent) => MessageContent;

/** What a receiver decided about a locked message. `release` gives it back as if it had never been delivered. */
export type Outcome =
  | { readonly kind: "complete" | "release" }
  | { readonly kind: "abandon" | "defer"; readonly modify?: Modify | undefined }
  | {
      readonly kind: "dead-letter";
      readonly reason: string | undefined;
      readonly description: string | undefined;
      readonly modify?: Modify | undefined;
    };

/** Counts since the process started. */
export interface Tally {
  enqueued: number;
  delivered: number;
  completed: number;
  abandoned: number;
  deferred: number;
  deadLettered: number;
  lockLosses: number;
}

/** How a store keeps its messages, and whom it tells about those that must leave it. */
export interface ContentsOptions {
  readonly shelf: Shelf;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly maxDeliveryCount: number;
  /** Whether deferring a message counts as a failed delivery (azure-service-bus#375 says so; unconfirmed). */
  readonly deferralCounts: boolean;
  /** Takes over a message already removed from this store, to dead-letter it. */
  bury(message: Message, reason: string | undefined, description: string | undefined): void;
  /** Takes over a message already removed from this store because its time to live is over. */
  expire(message: Message): void;
}

/** The messages of a store. Nothing in here commits or delivers: the caller does. */
export type Contents = ReturnType<typeof makeContents>;

/** Makes an empty store's contents; with `sessions`, messages wait in the lane of their session. */
export function makeContents(options: ContentsOptions, sessions: SessionTable | undefined) {
  const { clock, recorder, shelf } = options;
  const log = makeSequenceLog<Message>();
  const plainLane = makeLane();
  const counts = { active: 0, deferred: 0, scheduled: 0 };
  let sizeBytes = 0;
  const tally: Tally = {
    enqueued: 0,
    delivered: 0,
    completed: 0,
    abandoned: 0,
    deferred: 0,
    deadLettered: 0,
    lockLosses: 0,
  };

  const isExpired = (message: Message): boolean => {
    const end = expiresAt(message);
    return end !== undefined && end <= clock.now();
  };

  const sessionOf = (message: Message): Session | undefined => sessions?.open(message.sessionId ?? "");

  const laneOf = (message: Message): Lane => sessionOf(message)?.lane ?? plainLane;

  const place = (message: Message): void => {
    if (message.state === "active") laneOf(message).put(message);
    else message.place = "aside";
  };

  const remove = (message: Message): void => {
    message.place = "gone";
    log.delete(message.sequenceNumber);
    counts[message.state]--;
    sizeBytes -= message.sizeBytes;
    recorder.drop(shelf, message.sequenceNumber);
    const session = sessionOf(message);
    if (session === undefined) return;
    session.size--;
    sessions?.forgetIfEmpty(session);
  };

  const bury = (message: Message, reason: string | undefined, description: string | undefined): void => {
    tally.deadLettered++;
    remove(message);
    options.bury(message, reason, description);
  };

  const expire = (message: Message): void => {
    remove(message);
    options.expire(message);
  };

  const giveBack = (message: Message, failed: boolean): void => {
    if (failed) message.deliveryCount++;
    if (failed && message.deliveryCount >= options.maxDeliveryCount) {
      bury(
        message,
        "MaxDeliveryCountExceeded",
        `Message could not be consumed after ${message.deliveryCount} delivery attempts.`,
      );
    } else if (message.state === "active" && isExpired(message)) {
      expire(message);
    } else {
      place(message);
      recorder.put(shelf, message, false);
    }
  };

  const move = (message: Message, state: Message["state"]): void => {
    counts[message.state]--;
    message.state = state;
    counts[state]++;
  };

  const change = (message: Message, modify: Modify | undefined): void => {
    if (modify === undefined) return;
    message.content = modify(message.content);
    recorder.put(shelf, message, true);
  };

  return {
    plainLane,
    counts: counts as Readonly<typeof counts>,
    tally,
    get size() {
      return log.size;
    },
    get sizeBytes() {
      return sizeBytes;
    },
    get: (sequenceNumber: number) => log.get(sequenceNumber),
    from: (sequenceNumber: number) => log.from(sequenceNumber),
    isExpired,
    sessionOf,

    /** Adds a message; `fresh` is false when it comes from the recorder itself. */
    insert(message: Message, fresh: boolean): void {
      log.add(message.sequenceNumber, message);
      counts[message.state]++;
      sizeBytes += message.sizeBytes;
      const session = sessionOf(message);
      if (session !== undefined) session.size++;
      place(message);
      if (!fresh) return;
      tally.enqueued++;
      recorder.put(shelf, message, true);
    },

    remove,
    expire,

    /** Puts an unlocked message back to where it is received from next, or to where poison and expired ones go. */
    giveBack,

    /** Does with an unlocked message what its receiver decided. */
    settle(message: Message, outcome: Outcome): void {
      switch (outcome.kind) {
        case "complete":
          tally.completed++;
          remove(message);
          return;
        case "release":
          giveBack(message, false);
          return;
        case "abandon":
          tally.abandoned++;
          change(message, outcome.modify);
          giveBack(message, true);
          return;
        case "defer":
          tally.deferred++;
          change(message, outcome.modify);
          move(message, "deferred");
          giveBack(message, options.deferralCounts);
          return;
        case "dead-letter":
          change(message, outcome.modify);
          bury(message, outcome.reason, outcome.description);
          return;
      }
    },
  };
}
