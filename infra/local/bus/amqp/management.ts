// The $management node of a queue or dead-letter queue: one function per operation (facts/azure-local.md §1, "$management").
import rhea from "rhea";
import type { Grant } from "../core/sessions.js";
import type { Store } from "../core/store.js";
import { messageNotFound, notAllowed, refusalFailure, sessionLockLost, tooLarge } from "./failures.js";
import { decodeDraft, encodeMessage } from "./message-codec.js";
import type { BusCore, Entity, Peer } from "./peer.js";
import type { Reply, Responder } from "./request-response.js";
import type { AmqpFailure } from "./rhea-internals.js";
import { deadLetterOutcome, givingBackOutcome, lockLost, settle } from "./settlement.js";

const { types } = rhea;

type Body = Readonly<Record<string, unknown>>;

const typecode = { uuid: 0x98, long: 0x81, timestamp: 0x83 } as const;

const ok = (body?: Body): Reply => ({ body, application_properties: status(200, "OK") });

const status = (code: number, description: string): Body => ({
  statusCode: types.wrap_int(code),
  statusDescription: description,
});

const statusOfCondition: Readonly<Record<string, number>> = {
  "com.microsoft:message-lock-lost": 410,
  "com.microsoft:session-lock-lost": 410,
  "com.microsoft:message-not-found": 404,
  "amqp:not-found": 404,
  "amqp:not-implemented": 501,
  "amqp:link:message-size-exceeded": 413,
  "com.microsoft:server-busy": 503,
};

const failed = ({ condition, description }: AmqpFailure): Reply => ({
  application_properties: {
    ...status(statusOfCondition[condition] ?? 400, description),
    errorCondition: types.wrap_symbol(condition),
  },
});

const malformed = (what: string): AmqpFailure => ({ condition: "com.microsoft:argument-error", description: what });

/** Thrown by the readers below; the operation's answer is the failure. */
class BadRequest extends Error {
  constructor(readonly failure: AmqpFailure) {
    super(failure.description);
  }
}

const asNumber = (value: unknown, what: string): number => {
  // Numbers beyond 2^53 come as bytes; nobody here has that many messages.
  if (Buffer.isBuffer(value)) return Number(value.readBigInt64BE());
  if (typeof value === "number") return value;
  throw new BadRequest(malformed(`${what} is not a number`));
};

const listOf = (body: Body, key: string): unknown[] => {
  const list = body[key];
  if (!Array.isArray(list)) throw new BadRequest(malformed(`${key} is missing`));
  return list;
};

const numbersOf = (body: Body): number[] =>
  listOf(body, "sequence-numbers").map((item) => asNumber(item, "a sequence number"));

const asSessionId = (body: Body): string | undefined => {
  const id = body["session-id"];
  return typeof id === "string" ? id : undefined;
};

/** Delivery tags are .NET GUIDs; as AMQP uuid the first three groups come in the other byte order. */
const swapGuid = (hex: string): string => {
  const bytes = Buffer.from(hex, "hex");
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes.toString("hex");
};

/** The tokens asked for, in the order that is known: the client swaps those of deliveries, not those of deferred ones. */
const tokensOf = (body: Body, store: Store): string[] =>
  listOf(body, "lock-tokens").map((item) => {
    if (!Buffer.isBuffer(item)) throw new BadRequest(malformed("a lock token is not a uuid"));
    const asSent = item.toString("hex");
    const swapped = swapGuid(asSent);
    return store.locked(swapped) === undefined ? asSent : swapped;
  });

const heldSession = (store: Store, body: Body): Grant | undefined => {
  const id = asSessionId(body);
  return id === undefined ? undefined : store.sessions?.held(id);
};

const requireSession = (store: Store, body: Body): { id: string; grant: Grant } => {
  const id = asSessionId(body);
  if (store.sessions === undefined || id === undefined) throw new BadRequest(notAllowed("The entity has no sessions."));
  const grant = store.sessions.held(id);
  if (grant === undefined) throw new BadRequest(sessionLockLost);
  return { id, grant };
};

type Operation = (body: Body, entity: Entity) => Reply;

const renewLock: Operation = (body, { store }) => {
  const expirations: number[] = [];
  for (const token of tokensOf(body, store)) {
    const expiration = store.renew(token);
    if (expiration === undefined) return failed(lockLost(store, heldSession(store, body) !== undefined));
    expirations.push(expiration);
  }
  return ok({ expirations: types.wrap_array(expirations, typecode.timestamp, undefined) });
};

const peekMessage: Operation = (body, { store }) => {
  const from = asNumber(body["from-sequence-number"], "from-sequence-number");
  const count = asNumber(body["message-count"], "message-count");
  const messages = store.peek(from, count, asSessionId(body));
  if (messages.length === 0) return { application_properties: status(204, "No content") };
  const omitBody = body["omit-message-body"] === true;
  return ok({
    messages: messages.map((message) => ({ message: types.wrap_binary(encodeMessage(message, { omitBody })) })),
  });
};

const scheduleMessage: Operation = (body, { queue, store }) => {
  if (store.shelf.dead) return failed(notAllowed("Messages cannot be sent to a dead-letter queue."));
  const drafts = listOf(body, "messages").map((item) => {
    const message = (item as Body | undefined)?.message;
    if (!Buffer.isBuffer(message)) throw new BadRequest(malformed("a message is missing"));
    return decodeDraft(message);
  });
  const { maxMessageBytes, name } = queue.options;
  if (drafts.reduce((bytes, draft) => bytes + draft.sizeBytes, 0) > maxMessageBytes)
    return failed(tooLarge(maxMessageBytes));
  for (const draft of drafts) {
    const refusal = queue.refusal(draft);
    if (refusal !== undefined) return failed(refusalFailure(refusal, name, maxMessageBytes));
  }
  return ok({ "sequence-numbers": types.wrap_array(queue.send(drafts), typecode.long, undefined) });
};

const cancelScheduled: Operation = (body, { queue }) =>
  queue.cancel(numbersOf(body)) ? ok() : failed(messageNotFound);

const receiveBySequenceNumber: Operation = (body, { store }) => {
  const grant = store.sessions === undefined ? undefined : requireSession(store, body).grant;
  const mode =
    asNumber(body["receiver-settle-mode"] ?? 1, "receiver-settle-mode") === 0 ? "receiveAndDelete" : "peekLock";
  const taken = store.takeDeferred(numbersOf(body), mode, grant);
  if (taken === undefined) return failed(messageNotFound);
  return ok({
    messages: taken.map(({ message, lock }) => ({
      message: types.wrap_binary(encodeMessage(message, { lockedUntil: lock?.lockedUntil })),
      "lock-token": types.wrap_uuid(lock === undefined ? Buffer.alloc(16) : Buffer.from(lock.token, "hex")),
    })),
  });
};

const updateDisposition: Operation = (body, { store }) => {
  const outcome = dispositionOf(body);
  const tokens = tokensOf(body, store);
  const sessionIsHeld = heldSession(store, body) !== undefined;
  if (tokens.some((token) => store.locked(token) === undefined)) return failed(lockLost(store, sessionIsHeld));
  for (const token of tokens) {
    const failure = settle(store, token, outcome, sessionIsHeld);
    if (failure !== undefined) return failed(failure);
  }
  return ok();
};

const dispositionOf = (body: Body): Parameters<typeof settle>[2] => {
  const changes = body["properties-to-modify"];
  switch (body["disposition-status"]) {
    case "completed":
      return { kind: "complete" };
    case "abandoned":
      return givingBackOutcome("abandon", changes);
    case "defered":
      return givingBackOutcome("defer", changes);
    case "suspended":
      return deadLetterOutcome(body["deadletter-reason"], body["deadletter-description"], changes);
    default:
      throw new BadRequest(malformed(`disposition-status ${String(body["disposition-status"])} is not known`));
  }
};

const renewSessionLock: Operation = (body, { store }) => {
  const { grant } = requireSession(store, body);
  const expiration = store.sessions?.renew(grant) ?? 0;
  return ok({ expiration: types.wrap_timestamp(expiration) });
};

const setSessionState: Operation = (body, { queue, store }) => {
  const { id } = requireSession(store, body);
  const state = body["session-state"];
  if (state !== null && state !== undefined && !Buffer.isBuffer(state))
    return failed(malformed("session-state is not binary"));
  if (state && state.length > queue.options.maxMessageBytes) return failed(tooLarge(queue.options.maxMessageBytes));
  store.setSessionState(id, state ? Buffer.from(state) : undefined);
  return ok();
};

const getSessionState: Operation = (body, { store }) => {
  const { grant } = requireSession(store, body);
  const { state } = grant.session;
  return ok({ "session-state": state === undefined ? null : types.wrap_binary(state) });
};

const operations: Readonly<Record<string, Operation>> = {
  "com.microsoft:renew-lock": renewLock,
  "com.microsoft:peek-message": peekMessage,
  "com.microsoft:schedule-message": scheduleMessage,
  "com.microsoft:cancel-scheduled-message": cancelScheduled,
  "com.microsoft:receive-by-sequence-number": receiveBySequenceNumber,
  "com.microsoft:update-disposition": updateDisposition,
  "com.microsoft:renew-session-lock": renewSessionLock,
  "com.microsoft:set-session-state": setSessionState,
  "com.microsoft:get-session-state": getSessionState,
};

const run = (name: string, body: unknown, entity: Entity): Reply => {
  const operation = operations[name];
  if (operation === undefined) {
    return failed({ condition: "amqp:not-implemented", description: `The local broker does not imitate ${name}.` });
  }
  try {
    return operation((body ?? {}) as Body, entity);
  } catch (error) {
    if (error instanceof BadRequest) return failed(error.failure);
    return failed(
      malformed(`The request could not be read: ${error instanceof Error ? error.message : String(error)}`),
    );
  }
};

/** Answers the management requests of one queue or dead-letter queue. */
export function makeManagementResponder(entity: Entity, bus: BusCore, peer: Peer): Responder {
  return (request, reply) => {
    const fault = bus.faults.strike("manage", entity.queue.options.name);
    if (fault?.kind === "drop-connection") peer.cut();
    else if (fault?.kind === "refuse") reply(failed(fault));
    else {
      const answer = run(String(request.application_properties?.operation), request.body, entity);
      if (fault?.kind === "lose-answer") peer.cut();
      else if (fault?.kind === "delay") bus.clock.later(fault.ms, () => reply(answer));
      else reply(answer);
    }
  };
}
