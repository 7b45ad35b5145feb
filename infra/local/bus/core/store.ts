// One ordered store of messages with receivers: a queue's own, or its dead-letter queue's. Delivering, settling and peeking are
// here; sending, scheduling and the move between the two stores are in queue.ts, what is held in contents.ts, locks in locks.ts.
import { type Consumer, type LockHandle, makeRotation } from "./consumer.js";
import { type ContentsOptions, makeContents, type Outcome, type Tally } from "./contents.js";
import type { Lane } from "./lane.js";
import { makeLocks } from "./locks.js";
import type { Message } from "./message.js";
import { type Grant, makeSessionTable, type Session, type SessionTable } from "./sessions.js";

/** How a store behaves. */
export interface StoreOptions extends ContentsOptions {
  readonly lockDurationMs: number;
  readonly requiresSession: boolean;
}

/** A store of messages. Tokens are 32 hex digits. */
export type Store = ReturnType<typeof makeStore>;

/** Makes an empty store. */
export function makeStore(options: StoreOptions) {
  const { clock, recorder, shelf, lockDurationMs } = options;
  const rotation = makeRotation();

  const sessions: SessionTable | undefined = options.requiresSession
    ? makeSessionTable(clock, lockDurationMs, (grant) => {
        tally.lockLosses += grant.locked.size;
        giveBackAll(grant, true);
      })
    : undefined;

  const contents = makeContents(options, sessions);
  const { counts, tally, remove, expire, giveBack, isExpired, sessionOf } = contents;

  const loseMessage = (message: Message): void => {
    tally.lockLosses++;
    giveBack(message, true);
    recorder.commit();
    pumpFor(message);
  };

  const locks = makeLocks(clock, lockDurationMs, sessions, loseMessage);

  const giveBackAll = (grant: Grant, failed: boolean): void => {
    for (const message of locks.endAll(grant)) giveBack(message, failed);
    recorder.commit();
    sessions?.offer(grant.session);
    sessions?.forgetIfEmpty(grant.session);
  };

  /** The message is the receiver's: locked, or gone from here at once. */
  const handOver = (message: Message, mode: Consumer["mode"], grant: Grant | undefined): LockHandle | undefined => {
    tally.delivered++;
    if (mode === "receiveAndDelete") {
      tally.completed++;
      remove(message);
      return undefined;
    }
    const lock = locks.take(message, grant);
    recorder.put(shelf, message, false);
    return lock;
  };

  const pump = (lane: Lane, next: () => Consumer | undefined, grant: Grant | undefined): void => {
    while (lane.first() !== undefined) {
      const consumer = next();
      if (consumer === undefined) return;
      const message = lane.take();
      if (message === undefined) return;
      if (isExpired(message)) expire(message);
      else consumer.deliver(message, handOver(message, consumer.mode, grant));
    }
  };

  /** What is handed out here leaves the process when this turn is over, so the recorder knows of it before. */
  const pumpPlain = (): void => {
    pump(contents.plainLane, rotation.next, undefined);
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

  /** The deferred message of that number, if it can be received; one whose time is over expires now that it is asked for. */
  const findDeferred = (sequenceNumber: number, grant: Grant | undefined): Message | undefined => {
    const message = contents.get(sequenceNumber);
    if (message?.state !== "deferred" || message.place !== "aside") return undefined;
    if (grant !== undefined && message.sessionId !== grant.session.id) return undefined;
    if (!isExpired(message)) return message;
    expire(message);
    recorder.commit();
    return undefined;
  };

  return {
    shelf,
    counts,
    tally: tally as Readonly<Tally>,
    sessions,
    get lockedCount() {
      return locks.count;
    },
    get size() {
      return contents.size;
    },
    get sizeBytes() {
      return contents.sizeBytes;
    },

    get: contents.get,

    /** Adds a message; `fresh` is false when it comes from the recorder itself. The caller commits, then calls `wake`. */
    insert: contents.insert,

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
      const message = locks.end(token);
      if (message === undefined) return false;
      contents.settle(message, outcome);
      if (outcome.kind !== "complete") pumpFor(message);
      recorder.commit();
      return true;
    },

    /** The message a lock in force is on. */
    locked: locks.find,

    /** Makes a lock run out now, as if its time were over. */
    loseLock(token: string): void {
      const message = locks.end(token);
      if (message !== undefined) loseMessage(message);
    },

    /** Renews the lock on a message; undefined when it is not in force. Under a session the session's end is answered. */
    renew: locks.renew,

    /** Receives deferred messages by number, all or none: undefined when one is not there, not deferred or held. */
    takeDeferred(
      sequenceNumbers: readonly number[],
      mode: Consumer["mode"],
      grant: Grant | undefined,
    ): { message: Message; lock: LockHandle | undefined }[] | undefined {
      const found: Message[] = [];
      for (const sequenceNumber of sequenceNumbers) {
        const message = findDeferred(sequenceNumber, grant);
        if (message === undefined) return undefined;
        found.push(message);
      }
      const taken = found.map((message) => ({ message, lock: handOver(message, mode, grant) }));
      recorder.commit();
      return taken;
    },

    /** Messages in any state from a sequence number on, without locking or counting; of one session if given. */
    peek(from: number, limit: number, sessionId: string | undefined): Message[] {
      const peeked: Message[] = [];
      for (const message of contents.from(from)) {
        if (peeked.length >= limit) break;
        if (sessionId === undefined || message.sessionId === sessionId) peeked.push(message);
      }
      return peeked;
    },

    all: () => contents.from(0),
  };
}
