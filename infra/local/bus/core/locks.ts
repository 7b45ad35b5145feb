// Which messages of a store are locked, by token (32 hex digits). A lock under a session ends with the session's; any other runs
// out by itself. What becomes of the message then is in contents.ts.
import { randomUUID } from "node:crypto";
import type { Clock } from "./clock.js";
import type { LockHandle } from "./consumer.js";
import { makeExpiryList } from "./expiry-list.js";
import type { Message } from "./message.js";
import type { Grant, SessionTable } from "./sessions.js";

/** The locks of a store. */
export interface Locks {
  readonly count: number;
  /** Locks a message, under a session if given. */
  take(message: Message, grant: Grant | undefined): LockHandle;
  /** The message a lock in force is on. */
  find(token: string): Message | undefined;
  /** Ends a lock and answers its message; undefined when it is not in force. */
  end(token: string): Message | undefined;
  /** Ends all locks under a session. */
  endAll(grant: Grant): Message[];
  /** Renews a lock; undefined when it is not in force. Under a session the session's end is answered. */
  renew(token: string): number | undefined;
}

interface Lock {
  readonly message: Message;
  readonly grant: Grant | undefined;
}

/** Makes an empty set of locks; `onRunOut` gets the message of each that ran out by itself. */
export function makeLocks(
  clock: Clock,
  durationMs: number,
  sessions: SessionTable | undefined,
  onRunOut: (message: Message) => void,
): Locks {
  const underSessions = new Map<string, Lock>();
  const plain = makeExpiryList<Lock>(clock, durationMs, ({ message }) => onRunOut(message));

  const inForce = (token: string): Lock | undefined => {
    const lock = underSessions.get(token);
    if (lock === undefined) return plain.get(token);
    // Asking for the grant ends it when its time is over.
    const grant = lock.grant === undefined ? undefined : sessions?.held(lock.grant.session.id);
    return grant === undefined ? undefined : lock;
  };

  return {
    get count() {
      return plain.size + underSessions.size;
    },
    take(message, grant) {
      const token = randomUUID().replaceAll("-", "");
      message.place = "locked";
      if (grant === undefined) return { token, lockedUntil: plain.renew(token, { message, grant }) };
      grant.locked.set(token, message);
      underSessions.set(token, { message, grant });
      return { token, lockedUntil: grant.lockedUntil };
    },
    find: (token) => inForce(token)?.message,
    end(token) {
      const lock = inForce(token);
      lock?.grant?.locked.delete(token);
      underSessions.delete(token);
      plain.delete(token);
      return lock?.message;
    },
    endAll(grant) {
      for (const token of grant.locked.keys()) underSessions.delete(token);
      const messages = [...grant.locked.values()];
      grant.locked.clear();
      return messages;
    },
    renew(token) {
      const lock = inForce(token);
      return lock && (lock.grant?.lockedUntil ?? plain.renew(token, lock));
    },
  };
}
