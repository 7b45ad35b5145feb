// The AMQP errors the broker answers with; the conditions are those of the real service (facts/azure-local.md §1).
import type { Refusal } from "../core/queue.js";
import type { AmqpFailure } from "./rhea-internals.js";

/** There is no such queue. */
export const noSuchQueue = (address: string): AmqpFailure => ({
  condition: "amqp:not-found",
  description: `The messaging entity '${address}' could not be found.`,
});

/** The operation does not fit this kind of queue. */
export const notAllowed = (description: string): AmqpFailure => ({ condition: "amqp:not-allowed", description });

/** The real service can do this, the stand-in cannot. */
export const notImitated = (feature: string): AmqpFailure => ({
  condition: "amqp:not-implemented",
  description: `The local broker does not imitate ${feature}.`,
});

/** The lock on a message is not in force. */
export const messageLockLost: AmqpFailure = {
  condition: "com.microsoft:message-lock-lost",
  description:
    "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.",
};

/** The lock on a session is not in force. */
export const sessionLockLost: AmqpFailure = {
  condition: "com.microsoft:session-lock-lost",
  description: "The session lock has expired on the session. Accept a new session.",
};

/** Somebody else holds the session. */
export const sessionHeld = (id: string): AmqpFailure => ({
  condition: "com.microsoft:session-cannot-be-locked",
  description: `The requested session '${id}' cannot be accepted. It may be locked by another receiver.`,
});

/** Nothing came in the time the client gave. */
export const noFreeSession: AmqpFailure = {
  condition: "com.microsoft:timeout",
  description: "The operation did not complete within the allotted timeout: no session was free.",
};

/** No message with that number in the state it has to be in. */
export const messageNotFound: AmqpFailure = {
  condition: "com.microsoft:message-not-found",
  description: "Failed to find or lock one or more of the specified messages.",
};

/** Why a message cannot be sent to a queue. */
export function refusalFailure(refusal: Refusal, queue: string, maxMessageBytes: number): AmqpFailure {
  if (refusal === "too-large") return tooLarge(maxMessageBytes);
  return notAllowed(
    `The SessionId was not set on a message, and it cannot be sent to the entity '${queue}', which requires sessions.`,
  );
}

/** More bytes than the queue takes in one message or batch. */
export const tooLarge = (maxMessageBytes: number): AmqpFailure => ({
  condition: "amqp:link:message-size-exceeded",
  description: `The message or batch is larger than the maximum of ${maxMessageBytes} bytes.`,
});

/** The request cannot be read. */
export const malformed = (what: string): AmqpFailure => ({
  condition: "com.microsoft:argument-error",
  description: what,
});

const statusOfCondition: Readonly<Record<string, number>> = {
  "com.microsoft:message-lock-lost": 410,
  "com.microsoft:session-lock-lost": 410,
  "com.microsoft:message-not-found": 404,
  "amqp:not-found": 404,
  "amqp:not-implemented": 501,
  "amqp:link:message-size-exceeded": 413,
  "amqp:unauthorized-access": 401,
  "com.microsoft:auth-failed": 401,
  "com.microsoft:server-busy": 503,
};

/** The status a node with request and reply answers a failure with. */
export const statusOf = ({ condition }: AmqpFailure): number => statusOfCondition[condition] ?? 400;
