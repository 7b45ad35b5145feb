// Sessions of one queue: which exist, who holds which, who waits for one. Locks on single messages are in locks.ts.
import type { Clock } from "./clock.js";
import type { Consumer } from "./consumer.js";
import { type ExpiryList, makeExpiryList } from "./expiry-list.js";
import { makeFifo } from "./fifo.js";
import { type Lane, makeLane } from "./lane.js";
import type { Message } from "./message.js";

/** One session: its waiting messages, its state, and who holds it. */
export interface Session {
  readonly id: string;
  readonly lane: Lane;
  /** Messages of the session in any state. */
  size: number;
  state: Buffer | undefined;
  grant: Grant | undefined;
}

/** Who receives a session; `lost` is called when the session's lock has run out. */
export interface Holder extends Consumer {
  lost(): void;
}

/** A held session. `locked` are its delivered, unsettled messages by lock token. */
export interface Grant {
  readonly session: Session;
  readonly holder: Holder;
  readonly locked: Map<string, Message>;
  lockedUntil: number;
}

/** A receiver that takes whichever session is free next. Exactly one of `granted` and `timedOut` is called, unless cancelled. */
export interface NextSessionRequest {
  readonly holder: Holder;
  readonly timeoutMs: number;
  granted(grant: Grant): void;
  timedOut(): void;
}

/** The sessions of a queue. */
export interface SessionTable {
  /** The session of that id, made when it is new. */
  open(id: string): Session;
  find(id: string): Session | undefined;
  /** Forgets the session when nothing is left to know about it. */
  forgetIfEmpty(session: Session): void;
  /** Holds a named session, seen before or not; undefined when somebody else holds it. */
  accept(id: string, holder: Holder): Grant | undefined;
  /** Holds the session that has been free with messages for longest, now or when one appears. Answers how to cancel. */
  acceptNext(request: NextSessionRequest): () => void;
  /** The grant in force for a session. */
  held(id: string): Grant | undefined;
  renew(grant: Grant): number;
  release(grant: Grant): void;
  /** To be called when a session got a message: hands it to who waits, or remembers it as free. */
  offer(session: Session): void;
  readonly heldCount: number;
  readonly count: number;
  all(): Iterable<Session>;
}

/** Makes a table without sessions; `onLockLost` takes back the locked messages of a session whose lock ran out. */
export function makeSessionTable(
  clock: Clock,
  lockDurationMs: number,
  onLockLost: (grant: Grant) => void,
): SessionTable {
  const sessions = new Map<string, Session>();
  const free = makeFifo<Session>();
  const inFree = new Set<Session>();
  const waiting = makeFifo<{ request: NextSessionRequest; over: boolean; stopTimer: () => void }>();

  const grants: ExpiryList<Grant> = makeExpiryList<Grant>(clock, lockDurationMs, (grant) => {
    grant.session.grant = undefined;
    onLockLost(grant);
    grant.holder.lost();
  });

  const isFree = (session: Session): boolean => session.grant === undefined && session.lane.first() !== undefined;

  const open = (id: string): Session => {
    const known = sessions.get(id);
    if (known !== undefined) return known;
    const session: Session = { id, lane: makeLane(), size: 0, state: undefined, grant: undefined };
    sessions.set(id, session);
    return session;
  };

  const give = (session: Session, holder: Holder): Grant => {
    const grant: Grant = { session, holder, locked: new Map(), lockedUntil: 0 };
    session.grant = grant;
    grant.lockedUntil = grants.renew(session.id, grant);
    return grant;
  };

  const nextWaiting = (): NextSessionRequest | undefined => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
      if (entry.over) continue;
      entry.over = true;
      entry.stopTimer();
      return entry.request;
    }
    return undefined;
  };

  const offer = (session: Session): void => {
    if (!isFree(session)) return;
    const request = nextWaiting();
    if (request !== undefined) {
      request.granted(give(session, request.holder));
    } else if (!inFree.has(session)) {
      inFree.add(session);
      free.push(session);
    }
  };

  const longestFree = (): Session | undefined => {
    for (let session = free.shift(); session !== undefined; session = free.shift()) {
      inFree.delete(session);
      if (isFree(session)) return session;
    }
    return undefined;
  };

  return {
    open,
    find: (id) => sessions.get(id),
    forgetIfEmpty(session) {
      if (session.size === 0 && session.state === undefined && session.grant === undefined) sessions.delete(session.id);
    },
    accept(id, holder) {
      const session = open(id);
      grants.get(id);
      return session.grant === undefined ? give(session, holder) : undefined;
    },
    acceptNext(request) {
      const session = longestFree();
      if (session !== undefined) {
        request.granted(give(session, request.holder));
        return () => {};
      }
      const entry = { request, over: false, stopTimer: () => {} };
      entry.stopTimer = clock.later(request.timeoutMs, () => {
        if (entry.over) return;
        entry.over = true;
        request.timedOut();
      });
      waiting.push(entry);
      return () => {
        entry.over = true;
        entry.stopTimer();
      };
    },
    held: (id) => grants.get(id),
    renew(grant) {
      grant.lockedUntil = grants.renew(grant.session.id, grant);
      return grant.lockedUntil;
    },
    release(grant) {
      if (grant.session.grant !== grant) return;
      grant.session.grant = undefined;
      grants.delete(grant.session.id);
    },
    offer,
    get heldCount() {
      return grants.size;
    },
    get count() {
      return sessions.size;
    },
    all: () => sessions.values(),
  };
}
