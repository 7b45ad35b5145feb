// One queue: sending, scheduling, duplicate detection, expiry, and its dead-letter queue. What is received is in store.ts.
import type { Clock } from "./clock.js";
import { makeDeadlines } from "./deadlines.js";
import { makeDuplicateWindow } from "./duplicates.js";
import { type Draft, expiresAt, type Message } from "./message.js";
import type { QueueOptions } from "./queue-options.js";
import type { Recorder } from "./recorder.js";
import { makeStore, type Store } from "./store.js";

/** Why a message was not taken. */
export type Refusal = "too-large" | "no-session-id";

/** A queue with its dead-letter queue. */
export interface Queue {
  readonly options: QueueOptions;
  readonly main: Store;
  /** Read without sessions even when the queue has them. */
  readonly dead: Store;
  /** Why a message cannot be sent here; undefined when it can. */
  refusal(draft: Draft): Refusal | undefined;
  /**
   * Takes messages that `refusal` let pass, scheduled ones too. Answers one sequence number each; a duplicate is accepted,
   * dropped, and its number leads nowhere.
   */
  send(drafts: readonly Draft[]): number[];
  /** Takes scheduled messages back, all or none. */
  cancel(sequenceNumbers: readonly number[]): boolean;
  /** Brings back a message the recorder kept; it was locked when the process died if `wasLocked`. */
  restore(message: Message, wasLocked: boolean): void;
  /** Brings back ids for duplicate detection, oldest first. */
  restoreSeen(messageId: string, at: number): void;
  /** Ids duplicate detection remembers. */
  seen(): Iterable<readonly [messageId: string, seenAt: number]>;
  /** No number up to this one is given out again. */
  readonly lastSequenceNumber: number;
  skipTo(sequenceNumber: number): void;
}

/** Makes an empty queue. */
export function makeQueue(options: QueueOptions, clock: Clock, recorder: Recorder): Queue {
  let lastSequenceNumber = 0;
  const duplicates =
    options.duplicateDetectionWindowMs === undefined
      ? undefined
      : makeDuplicateWindow(options.duplicateDetectionWindowMs);

  const dead = makeStore({
    shelf: { queue: options.name, dead: true },
    clock,
    recorder,
    lockDurationMs: options.lockDurationMs,
    maxDeliveryCount: Number.POSITIVE_INFINITY,
    requiresSession: false,
    deferralCounts: options.deferralCountsAsDelivery,
    bury: () => {},
    expire: () => {},
  });

  const bury = (message: Message, reason: string | undefined, description: string | undefined): void => {
    const buried: Message = {
      ...message,
      state: "active",
      deadLetter: { reason, description, source: options.name },
    };
    dead.insert(buried, true);
    recorder.commit();
    dead.wake(buried);
  };

  const main = makeStore({
    shelf: { queue: options.name, dead: false },
    clock,
    recorder,
    lockDurationMs: options.lockDurationMs,
    maxDeliveryCount: options.maxDeliveryCount,
    requiresSession: options.requiresSession,
    deferralCounts: options.deferralCountsAsDelivery,
    bury,
    expire(message) {
      if (options.deadLetteringOnMessageExpiration) {
        bury(message, "TTLExpiredException", "The message expired and was dead lettered.");
      }
    },
  });

  const deadlines = makeDeadlines<Message>(
    clock,
    (message) => {
      if (message.state === "scheduled" && message.place === "aside") activate(message);
      else main.expireIfWaiting(message);
    },
    (message) => message.place === "gone",
  );

  const watchExpiry = (message: Message): void => {
    const end = expiresAt(message);
    if (end !== undefined) deadlines.add(end, message);
  };

  /** A scheduled message that is due is enqueued as if it had been sent now: fresh number, fresh time. */
  const activate = (scheduled: Message): void => {
    main.remove(scheduled);
    const message: Message = {
      ...scheduled,
      sequenceNumber: ++lastSequenceNumber,
      enqueuedAt: clock.now(),
      state: "active",
    };
    main.insert(message, true);
    recorder.commit();
    watchExpiry(message);
    main.wake(message);
  };

  const toMessage = (draft: Draft, now: number): Message => {
    const scheduled = draft.dueAt !== undefined && draft.dueAt > now;
    const ttls = [draft.ttlMs, options.defaultTtlMs].filter((ttl) => ttl !== undefined);
    return {
      sequenceNumber: ++lastSequenceNumber,
      messageId: draft.messageId,
      sessionId: draft.sessionId,
      enqueuedAt: now,
      dueAt: draft.dueAt,
      ttlMs: ttls.length === 0 ? undefined : Math.min(...ttls),
      sizeBytes: draft.sizeBytes,
      deadLetter: undefined,
      content: draft.content,
      deliveryCount: 0,
      state: scheduled ? "scheduled" : "active",
      place: scheduled ? "aside" : "ready",
    };
  };

  const isDuplicate = (messageId: string, now: number): boolean => {
    if (duplicates === undefined) return false;
    if (duplicates.seenBefore(messageId, now)) return true;
    recorder.seen(options.name, messageId, now);
    return false;
  };

  return {
    options,
    main,
    dead,
    refusal(draft) {
      if (draft.sizeBytes > options.maxMessageBytes) return "too-large";
      if (options.requiresSession && draft.sessionId === undefined) return "no-session-id";
      return undefined;
    },
    send(drafts) {
      const now = clock.now();
      const messages: Message[] = [];
      const numbers = drafts.map((draft) => {
        if (isDuplicate(draft.messageId, now)) return ++lastSequenceNumber;
        const message = toMessage(draft, now);
        main.insert(message, true);
        messages.push(message);
        return message.sequenceNumber;
      });
      recorder.commit();
      for (const message of messages) {
        if (message.state === "scheduled") {
          deadlines.add(message.dueAt ?? now, message);
        } else {
          watchExpiry(message);
          main.wake(message);
        }
      }
      return numbers;
    },
    cancel(sequenceNumbers) {
      const found = sequenceNumbers.map((sequenceNumber) => main.get(sequenceNumber));
      const scheduled = found.filter((message) => message?.state === "scheduled") as Message[];
      if (scheduled.length < found.length) return false;
      for (const message of scheduled) if (message.place !== "gone") main.remove(message);
      recorder.commit();
      return true;
    },
    restore(message, wasLocked) {
      if (wasLocked) message.deliveryCount++;
      lastSequenceNumber = Math.max(lastSequenceNumber, message.sequenceNumber);
      const store = message.deadLetter === undefined ? main : dead;
      store.insert(message, false);
      if (wasLocked) recorder.put(store.shelf, message, false);
      if (wasLocked && message.deadLetter === undefined && message.deliveryCount >= options.maxDeliveryCount) {
        main.remove(message);
        bury(message, "MaxDeliveryCountExceeded", `Message lost its lock ${message.deliveryCount} times.`);
      } else if (message.state === "scheduled") {
        deadlines.add(message.dueAt ?? 0, message);
      } else {
        watchExpiry(message);
      }
      const session = message.sessionId === undefined ? undefined : main.sessions?.find(message.sessionId);
      if (session !== undefined) main.sessions?.offer(session);
    },
    restoreSeen: (messageId, at) => void duplicates?.seenBefore(messageId, at),
    seen: () => duplicates?.entries(clock.now()) ?? [],
    get lastSequenceNumber() {
      return lastSequenceNumber;
    },
    skipTo(sequenceNumber) {
      lastSequenceNumber = Math.max(lastSequenceNumber, sequenceNumber);
    },
  };
}
