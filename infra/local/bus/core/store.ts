// One ordered store of messages with receivers: a queue's own, or its dead-letter queue's. Locks, settlement and peeking are
// here; sending, scheduling, expiry and the move between the two stores are in queue.ts.
import { randomUUID } from "node:crypto";
import type { Clock } from "./clock.js";
import { type Consumer, makeRotation } from "./consumer.js";
import { makeExpiryList } from "./expiry-list.js";
import { type Lane, makeLane } from "./lane.js";
import { expiresAt, type Message, type MessageContent } from "./message.js";
import type { Recorder, Shelf } from "./recorder.js";
import { makeSequenceLog } from "./sequence-log.js";
import { type Grant, makeSessionTable, type Session, type SessionTable } from "./sessions.js";

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

/** How a store behaves, and whom it tells about messages that must leave it. */
export interface StoreOptions {
  readonly shelf: Shelf;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly lockDurationMs: number;
  readonly maxDeliveryCount: number;
  readonly requiresSession: boolean;
  /** Whether deferring a message counts as a failed delivery (azure-service-bus#375 says so; unconfirmed). */
  readonly deferralCounts: boolean;
  /** Takes over a message already removed from this store, to dead-letter it. */
  bury(message: Message, reason: string | undefined, description: string | undefined): void;
  /** Takes over a message already removed from this store because its time to live is over. */
  expire(message: Message): void;
}

/** A store of messages. Tokens are 32 hex digits. */
export type Store = ReturnType<typeof makeStore>;

interface Lock {
  readonly message: Message;
  /** The session it is locked under; its lock ends with the session's. */
  readonly grant: Grant | undefined;
}

/** Makes an empty store. */
export function makeStore(options: StoreOptions) {
  const { clock, recorder, shelf } = options;
  const log = makeSequenceLog<Message>();
  const plainLane = makeLane();
  const rotation = makeRotation();
  const sessionLocks = new Map<string, Lock>();
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

  const plainLocks = makeExpiryList<Lock & { token: string }>(clock, options.lockDurationMs, (lock) => {
    tally.lockLosses++;
    giveBack(lock.message, true);
    recorder.commit();
    pumpFor(lock.message);
  });

  const sessions: SessionTable | undefined = options.requiresSession
    ? makeSessionTable(clock, options.lockDurationMs, (grant) => {
        tally.lockLosses += grant.locked.size;
        giveBackAll(grant, true);
      })
    : undefined;

  const isExpired = (message: Message): boolean => {
    const end = expiresAt(message);
    return end !== undefined && end <= clock.now();
  };

  const sessionOf = (message: Message): Session | undefined => sessions?.open(message.sessionId ?? "");

  const laneOf = (message: Message): Lane => sessionOf(message)?.lane ?? plainLane;

  const add = (message: Message): void => {
    log.add(message.sequenceNumber, message);
    counts[message.state]++;
    sizeBytes += message.sizeBytes;
    const session = sessionOf(message);
    if (session !== undefined) session.size++;
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

  /** Puts an unlocked message back to where it is received from next, or to where poison and expired ones go. */
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
      if (message.state === "active") laneOf(message).put(message);
      else message.place = "aside";
      recorder.put(shelf, message, false);
    }
  };

  const giveBackAll = (grant: Grant, failed: boolean): void => {
    for (const [token, message] of grant.locked) {
      sessionLocks.delete(token);
      giveBack(message, failed);
    }
    grant.locked.clear();
    recorder.commit();
    sessions?.offer(grant.session);
    sessions?.forgetIfEmpty(grant.session);
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

  const lock = (message: Message, grant: Grant | undefined): { token: string; lockedUntil: number } => {
    const token = randomUUID().replaceAll("-", "");
    message.place = "locked";
    recorder.put(shelf, message, false);
    if (grant === undefined) {
      return { token, lockedUntil: plainLocks.renew(token, { token, message, grant }) };
    }
    grant.locked.set(token, message);
    sessionLocks.set(token, { message, grant });
    return { token, lockedUntil: grant.lockedUntil };
  };

  const hand = (message: Message, consumer: Consumer, grant: Grant | undefined): void => {
    tally.delivered++;
    if (consumer.mode === "receiveAndDelete") {
      tally.completed++;
      remove(message);
      consumer.deliver(message, undefined);
    } else {
      consumer.deliver(message, lock(message, grant));
    }
  };

  const pump = (lane: Lane, next: () => Consumer | undefined, grant: Grant | undefined): void => {
    while (lane.first() !== undefined) {
      const consumer = next();
      if (consumer === undefined) return;
      const message = lane.take();
      if (message === undefined) return;
      if (isExpired(message)) expire(message);
      else hand(message, consumer, grant);
    }
  };

  /** What is handed out here leaves the process when this turn is over, so the recorder knows of it before. */
  const pumpPlain = (): void => {
    pump(plainLane, rotation.next, undefined);
    recorder.commit();
  };

  const pumpSession = (session: Session): void => {
    const { grant } = session;
    if (grant === undefined) {
      sessions?.offer(session);
      return;
    }
    const holder = (): Consumer | undefined =>
      session.grant === grant && grant.holder.credit() > 0 ? grant.holder : undefined;
    pump(session.lane, holder, grant);
    recorder.commit();
  };

  const pumpFor = (message: Message): void => {
    const session = sessionOf(message);
    if (session === undefined) pumpPlain();
    else pumpSession(session);
  };

  const findLock = (token: string): Lock | undefined => {
    const held = sessionLocks.get(token);
    if (held === undefined) return plainLocks.get(token);
    // Asking for the grant ends it when its time is over.
    const grant = held.grant === undefined ? undefined : sessions?.held(held.grant.session.id);
    return grant === undefined ? undefined : held;
  };

  const unlock = (token: string, held: Lock): void => {
    held.grant?.locked.delete(token);
    sessionLocks.delete(token);
    plainLocks.delete(token);
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

  const apply = (message: Message, outcome: Outcome): void => {
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
  };

  return {
    shelf,
    counts: counts as Readonly<typeof counts>,
    tally: tally as Readonly<Tally>,
    sessions,
    get lockedCount() {
      return plainLocks.size + sessionLocks.size;
    },
    get size() {
      return log.size;
    },
    get sizeBytes() {
      return sizeBytes;
    },

    get: (sequenceNumber: number) => log.get(sequenceNumber),

    /** Adds a message; `fresh` is false when it comes from the recorder itself. The caller commits, then calls `wake`. */
    insert(message: Message, fresh: boolean): void {
      add(message);
      if (!fresh) return;
      tally.enqueued++;
      recorder.put(shelf, message, true);
    },

    /** Delivers what can be delivered after `message` was inserted. */
    wake: pumpFor,

    remove,

    /** Removes a message whose time to live is over, unless a receiver holds it or it is set aside. */
    expireIfWaiting(message: Message): void {
      if (message.place !== "ready" || !isExpired(message)) return;
      expire(message);
      recorder.commit();
    },

    /** A receiver of a queue without sessions. `wake` is to be called whenever it got credit. */
    attach(consumer: Consumer): { wake(): void; detach(): void } {
      rotation.add(consumer);
      return { wake: pumpPlain, detach: () => rotation.delete(consumer) };
    },

    wakeSession: pumpSession,

    /** Ends a grant at once. Its unsettled messages come back without counting a delivery (facts/azure-local.md §1). */
    releaseSession(grant: Grant): void {
      if (grant.session.grant !== grant) return;
      sessions?.release(grant);
      giveBackAll(grant, false);
    },

    /** Ends a grant as if the session's lock had run out. */
    loseSession(grant: Grant): void {
      if (grant.session.grant !== grant) return;
      sessions?.release(grant);
      tally.lockLosses += grant.locked.size;
      giveBackAll(grant, true);
      grant.holder.lost();
    },

    setSessionState(sessionId: string, state: Buffer | undefined): void {
      const session = sessions?.open(sessionId);
      if (session === undefined) return;
      session.state = state;
      recorder.sessionState(shelf.queue, sessionId, state);
      recorder.commit();
      sessions?.forgetIfEmpty(session);
    },

    /** Settles a locked message; false when the lock is not in force. Settling twice is false the second time. */
    settle(token: string, outcome: Outcome): boolean {
      const held = findLock(token);
      if (held === undefined) return false;
      unlock(token, held);
      apply(held.message, outcome);
      if (outcome.kind !== "complete") pumpFor(held.message);
      recorder.commit();
      return true;
    },

    /** The message a lock in force is on. */
    locked: (token: string): Message | undefined => findLock(token)?.message,

    /** Makes a lock run out now, as if its time were over. */
    loseLock(token: string): void {
      const held = findLock(token);
      if (held === undefined) return;
      unlock(token, held);
      tally.lockLosses++;
      giveBack(held.message, true);
      recorder.commit();
      pumpFor(held.message);
    },

    /** Renews the lock on a message; undefined when it is not in force. Under a session the session's end is answered. */
    renew(token: string): number | undefined {
      const held = findLock(token);
      if (held === undefined) return undefined;
      return held.grant?.lockedUntil ?? plainLocks.renew(token, { token, message: held.message, grant: undefined });
    },

    /** Receives deferred messages by number, all or none: undefined when one is not there, not deferred or held. */
    takeDeferred(
      sequenceNumbers: readonly number[],
      mode: Consumer["mode"],
      grant: Grant | undefined,
    ): { message: Message; lock: { token: string; lockedUntil: number } | undefined }[] | undefined {
      const found: Message[] = [];
      for (const sequenceNumber of sequenceNumbers) {
        const message = log.get(sequenceNumber);
        if (message?.state !== "deferred" || message.place !== "aside") return undefined;
        if (grant !== undefined && message.sessionId !== grant.session.id) return undefined;
        if (isExpired(message)) {
          // Deferred messages outlive their time until somebody asks for them.
          expire(message);
          recorder.commit();
          return undefined;
        }
        found.push(message);
      }
      tally.delivered += found.length;
      const taken = found.map((message) => {
        if (mode === "peekLock") return { message, lock: lock(message, grant) };
        tally.completed++;
        remove(message);
        return { message, lock: undefined };
      });
      recorder.commit();
      return taken;
    },

    /** Messages in any state from a sequence number on, without locking or counting; of one session if given. */
    peek(from: number, limit: number, sessionId: string | undefined): Message[] {
      const peeked: Message[] = [];
      for (const message of log.from(from)) {
        if (peeked.length >= limit) break;
        if (sessionId === undefined || message.sessionId === sessionId) peeked.push(message);
      }
      return peeked;
    },

    all: () => log.from(0),
  };
}
