// The $management node of a queue or dead-letter queue: one function per operation (facts/azure-local.md §1, "$management").
import rhea from "rhea";
import type { Grant } from "../core/sessions.js";
import type { Store } from "../core/store.js";
import {
  malformed,
  messageNotFound,
  notAllowed,
  notImitated,
  refusalFailure,
  sessionLockLost,
  statusOf,
  tooLarge,
} from "./failures.js";
import { decodeDraft, encodeMessage } from "./message-codec.js";
import { type BusCore, type Entity, nameOf, type Peer } from "./peer.js";
import { isFailure, makeRoad, perform } from "./perform.js";
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

const toReply = (failure: AmqpFailure): Reply => ({
  application_properties: {
    ...status(statusOf(failure), failure.description),
    errorCondition: types.wrap_symbol(failure.condition),
  },
});

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

type Answer = Reply | AmqpFailure;

/** `skewMs`: how far the clock the client gets to see is ahead. */
type Operation = (body: Body, entity: Entity, skewMs: number) => Answer;

const renewLock: Operation = (body, { store }, skewMs) => {
  const expirations: number[] = [];
  for (const token of tokensOf(body, store)) {
    const expiration = store.renew(token);
    if (expiration === undefined) return lockLost(store, heldSession(store, body) !== undefined);
    expirations.push(expiration + skewMs);
  }
  return ok({ expirations: types.wrap_array(expirations, typecode.timestamp, undefined) });
};

const peekMessage: Operation = (body, { store }, skewMs) => {
  const from = asNumber(body["from-sequence-number"], "from-sequence-number");
  const count = asNumber(body["message-count"], "message-count");
  const messages = store.peek(from, count, asSessionId(body));
  if (messages.length === 0) return { application_properties: status(204, "No content") };
  const omitBody = body["omit-message-body"] === true;
  return ok({
    messages: messages.map((message) => ({ message: types.wrap_binary(encodeMessage(message, { omitBody, skewMs })) })),
  });
};

const scheduleMessage: Operation = (body, { queue, store }, skewMs) => {
  if (store.shelf.dead) return notAllowed("Messages cannot be sent to a dead-letter queue.");
  const drafts = listOf(body, "messages").map((item) => {
    const message = (item as Body | undefined)?.message;
    if (!Buffer.isBuffer(message)) throw new BadRequest(malformed("a message is missing"));
    return decodeDraft(message, skewMs);
  });
  const { maxMessageBytes, name } = queue.options;
  if (drafts.reduce((bytes, draft) => bytes + draft.sizeBytes, 0) > maxMessageBytes) return tooLarge(maxMessageBytes);
  for (const draft of drafts) {
    const refusal = queue.refusal(draft);
    if (refusal !== undefined) return refusalFailure(refusal, name, maxMessageBytes);
  }
  return ok({ "sequence-numbers": types.wrap_array(queue.send(drafts), typecode.long, undefined) });
};

const cancelScheduled: Operation = (body, { queue }) => (queue.cancel(numbersOf(body)) ? ok() : messageNotFound);

const receiveBySequenceNumber: Operation = (body, { store }, skewMs) => {
  const grant = store.sessions === undefined ? undefined : requireSession(store, body).grant;
  const mode =
    asNumber(body["receiver-settle-mode"] ?? 1, "receiver-settle-mode") === 0 ? "receiveAndDelete" : "peekLock";
  const taken = store.takeDeferred(numbersOf(body), mode, grant);
  if (taken === undefined) return messageNotFound;
  return ok({
    messages: taken.map(({ message, lock }) => ({
      message: types.wrap_binary(encodeMessage(message, { lockedUntil: lock?.lockedUntil, skewMs })),
      "lock-token": types.wrap_uuid(lock === undefined ? Buffer.alloc(16) : Buffer.from(lock.token, "hex")),
    })),
  });
};

const updateDisposition: Operation = (body, { store }) => {
  const outcome = dispositionOf(body);
  const tokens = tokensOf(body, store);
  const sessionIsHeld = heldSession(store, body) !== undefined;
  if (tokens.some((token) => store.locked(token) === undefined)) return lockLost(store, sessionIsHeld);
  for (const token of tokens) {
    const failure = settle(store, token, outcome, sessionIsHeld);
    if (failure !== undefined) return failure;
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

const renewSessionLock: Operation = (body, { store }, skewMs) => {
  const { grant } = requireSession(store, body);
  const expiration = store.sessions?.renew(grant) ?? 0;
  return ok({ expiration: types.wrap_timestamp(expiration + skewMs) });
};

const setSessionState: Operation = (body, { queue, store }) => {
  const { id } = requireSession(store, body);
  const state = body["session-state"];
  if (state !== null && state !== undefined && !Buffer.isBuffer(state)) return malformed("session-state is not binary");
  if (state && state.length > queue.options.maxMessageBytes) return tooLarge(queue.options.maxMessageBytes);
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

const run = (name: string, body: unknown, entity: Entity, skewMs: number): Answer => {
  const operation = operations[name];
  if (operation === undefined) return notImitated(name);
  try {
    return operation((body ?? {}) as Body, entity, skewMs);
  } catch (error) {
    if (error instanceof BadRequest) return error.failure;
    return malformed(`The request could not be read: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** Answers the management requests of one queue or dead-letter queue. */
export function makeManagementResponder(entity: Entity, bus: BusCore, peer: Peer): Responder {
  const road = makeRoad(bus, peer);
  return (request, reply) =>
    perform<Answer>(bus, peer, road, {
      operation: "manage",
      queue: nameOf(entity.store),
      work: () => run(String(request.application_properties?.operation), request.body, entity, bus.skewMs()),
      answer: (answer) => reply(isFailure(answer) ? toReply(answer) : answer),
    });
}
