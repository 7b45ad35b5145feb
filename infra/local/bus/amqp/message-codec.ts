// Between encoded AMQP messages and the core's drafts and messages. Sections are kept as the bytes they came in; only the
// header and the annotations, which belong to the broker, are written anew.
import { randomUUID } from "node:crypto";
import rhea, { type Typed } from "rhea";
import type { Draft, Message, MessageContent } from "../core/message.js";
import { describe, makeReader, makeWriter, typedList, typedMap } from "./rhea-internals.js";

const { types } = rhea;

const section = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
  sequence: 0x76,
  value: 0x77,
  footer: 0x78,
} as const;

const symbolicSections: Readonly<Record<string, number>> = {
  "amqp:header:list": section.header,
  "amqp:delivery-annotations:map": section.deliveryAnnotations,
  "amqp:message-annotations:map": section.messageAnnotations,
  "amqp:properties:list": section.properties,
  "amqp:application-properties:map": section.applicationProperties,
  "amqp:data:binary": section.data,
  "amqp:amqp-sequence:list": section.sequence,
  "amqp:value:*": section.value,
  "amqp:footer:map": section.footer,
};

/** Positions of the fields the broker reads in the header and properties lists. */
const headerTtl = 2;
const field = { messageId: 0, absoluteExpiry: 8, creation: 9, groupId: 10 } as const;

interface Section {
  readonly code: number;
  readonly value: Typed;
  readonly bytes: Buffer;
}

function* sectionsOf(encoded: Buffer): Iterable<Section> {
  const reader = makeReader(encoded);
  while (reader.remaining() > 0) {
    const start = reader.position;
    const value = reader.read();
    const descriptor: unknown = value.descriptor?.value;
    const code = typeof descriptor === "number" ? descriptor : symbolicSections[String(descriptor)];
    if (code === undefined) throw new Error(`not a message section: ${String(descriptor)}`);
    yield { code, value, bytes: encoded.subarray(start, reader.position) };
  }
}

const item = (list: Typed | undefined, index: number): unknown =>
  types.unwrap((list?.value as Typed[] | undefined)?.[index]);

const asMap = (map: Typed | undefined): Record<string, unknown> =>
  map === undefined ? {} : types.unwrap_map_simple(map);

const encode = (value: Typed): Buffer => {
  const writer = makeWriter();
  writer.write(value);
  return Buffer.from(writer.toBuffer());
};

const asInstant = (value: unknown): number | undefined => (value instanceof Date ? value.getTime() : undefined);

/** SDKs put a time to live beyond 49 days, the most a header holds, into the two times of the properties. */
const timeToLive = (header: Typed | undefined, properties: Typed | undefined): number | undefined => {
  const created = asInstant(item(properties, field.creation));
  const expires = asInstant(item(properties, field.absoluteExpiry));
  if (created !== undefined && expires !== undefined && expires > created) return expires - created;
  const ttl = item(header, headerTtl);
  return typeof ttl === "number" && ttl > 0 ? ttl : undefined;
};

/** Annotations only the broker may set; a sender's are ignored, so that a received message can be sent again as it is. */
const brokerAnnotations = new Set([
  "x-opt-sequence-number",
  "x-opt-enqueue-sequence-number",
  "x-opt-enqueued-time",
  "x-opt-locked-until",
  "x-opt-message-state",
  "x-opt-scheduled-enqueue-time",
  "x-opt-deadletter-source",
]);

const ownAnnotations = (annotations: Typed | undefined): Buffer | undefined => {
  const pairs = (annotations?.value ?? []) as Typed[];
  const kept: Typed[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const [key, value] = [pairs[index], pairs[index + 1]];
    if (key !== undefined && value !== undefined && !brokerAnnotations.has(String(key.value))) kept.push(key, value);
  }
  return kept.length === 0 ? undefined : encode(typedMap(kept));
};

/** The client settles by message id, so the broker has to give one to who did not (facts/azure-local.md §1). */
const withMessageId = (properties: Typed | undefined, messageId: string): Buffer => {
  const items = [...((properties?.value ?? []) as Typed[])];
  items[field.messageId] = types.wrap_string(messageId);
  return encode(describe(section.properties, typedList(items)));
};

const idText = (id: unknown): string | undefined => {
  if (id === undefined || id === null || id === "") return undefined;
  return Buffer.isBuffer(id) ? id.toString("hex") : String(id);
};

const dueAtOf = (annotations: Typed | undefined, skewMs: number): number | undefined => {
  const told = asInstant(asMap(annotations)["x-opt-scheduled-enqueue-time"]);
  return told === undefined ? undefined : told - skewMs;
};

/** Reads one encoded message by a clock that is `skewMs` ahead; throws when it is not a message. */
export function decodeDraft(encoded: Buffer, skewMs: number): Draft {
  const kept = Buffer.from(encoded);
  const found = new Map<number, Section>();
  const body: Buffer[] = [];
  for (const part of sectionsOf(kept)) {
    if (part.code >= section.data) body.push(part.bytes);
    else found.set(part.code, part);
  }
  const properties = found.get(section.properties);
  const annotations = found.get(section.messageAnnotations);
  const givenId = idText(item(properties?.value, field.messageId));
  const messageId = givenId ?? randomUUID().replaceAll("-", "");
  const sessionId = item(properties?.value, field.groupId);
  return {
    messageId,
    sessionId: typeof sessionId === "string" ? sessionId : undefined,
    ttlMs: timeToLive(found.get(section.header)?.value, properties?.value),
    dueAt: dueAtOf(annotations?.value, skewMs),
    sizeBytes: encoded.length,
    content: {
      annotations: ownAnnotations(annotations?.value),
      properties:
        givenId !== undefined && properties !== undefined
          ? properties.bytes
          : withMessageId(properties?.value, messageId),
      applicationProperties: found.get(section.applicationProperties)?.bytes,
      body: body.length === 1 ? (body[0] as Buffer) : Buffer.concat(body),
    },
  };
}

/** The messages of a batch envelope. What the envelope itself carries is a copy of the first message's and means nothing. */
export function decodeBatch(encoded: Buffer, skewMs: number): Draft[] {
  const drafts: Draft[] = [];
  for (const part of sectionsOf(encoded))
    if (part.code === section.data) drafts.push(decodeDraft(part.value.value, skewMs));
  return drafts;
}

/** How a message looks to whom it is delivered. */
export interface View {
  readonly lockedUntil?: number | undefined;
  /** How far the clock the receiver gets to see is ahead of the real one. */
  readonly skewMs: number;
  /** Peeked without its body. */
  readonly omitBody?: boolean;
}

const stateCode = { active: 0, deferred: 1, scheduled: 2 } as const;
const maxHeaderTtl = 0xffff_ffff;

const annotationsOf = (message: Message, view: View): Typed => {
  const pairs: Typed[] = [];
  const told = (instant: number): Typed => types.wrap_timestamp(instant + view.skewMs);
  const set = (name: string, value: Typed): void => void pairs.push(types.wrap_symbol(name), value);
  set("x-opt-sequence-number", types.wrap_long(message.sequenceNumber));
  set("x-opt-enqueued-time", told(message.enqueuedAt));
  set("x-opt-message-state", types.wrap_int(stateCode[message.state]));
  if (view.lockedUntil !== undefined) set("x-opt-locked-until", told(view.lockedUntil));
  if (message.dueAt !== undefined) set("x-opt-scheduled-enqueue-time", told(message.dueAt));
  if (message.deadLetter !== undefined) {
    set("x-opt-deadletter-source", types.wrap_string(message.deadLetter.source));
    set("x-opt-enqueue-sequence-number", types.wrap_long(message.sequenceNumber));
  }
  if (message.content.annotations) pairs.push(...(makeReader(message.content.annotations).read().value as Typed[]));
  return describe(section.messageAnnotations, typedMap(pairs));
};

const headerOf = (message: Message): Typed => {
  const ttl = message.ttlMs === undefined ? types.wrap(null) : types.wrap_uint(Math.min(message.ttlMs, maxHeaderTtl));
  return describe(
    section.header,
    typedList([types.wrap(null), types.wrap(null), ttl, types.wrap(null), types.wrap_uint(message.deliveryCount)]),
  );
};

/** Encodes a message for a receiver. */
export function encodeMessage(message: Message, view: View): Buffer {
  const writer = makeWriter();
  writer.write(headerOf(message));
  writer.write(annotationsOf(message, view));
  writer.write_bytes(message.content.properties);
  const properties = applicationPropertiesOf(message);
  if (properties !== undefined) writer.write_bytes(properties);
  if (!view.omitBody) writer.write_bytes(message.content.body);
  return writer.toBuffer();
}

const applicationPropertiesOf = ({ content, deadLetter }: Message): Buffer | undefined => {
  if (deadLetter === undefined) return content.applicationProperties;
  const { reason, description } = deadLetter;
  return mergeApplicationProperties(content, {
    ...(reason === undefined ? {} : { DeadLetterReason: reason }),
    ...(description === undefined ? {} : { DeadLetterErrorDescription: description }),
  }).applicationProperties;
};

/** Adds or overwrites application properties; the others keep their exact encoding. */
export function mergeApplicationProperties(
  content: MessageContent,
  changes: Readonly<Record<string, unknown>>,
): MessageContent {
  const names = Object.keys(changes);
  if (names.length === 0) return content;
  const old =
    content.applicationProperties === undefined
      ? []
      : (makeReader(content.applicationProperties).read().value as Typed[]);
  const pairs: Typed[] = [];
  for (let index = 0; index + 1 < old.length; index += 2) {
    const [key, value] = [old[index], old[index + 1]];
    if (key !== undefined && value !== undefined && !names.includes(String(key.value))) pairs.push(key, value);
  }
  for (const name of names) pairs.push(types.wrap_string(name), types.wrap(changes[name]));
  return { ...content, applicationProperties: encode(describe(section.applicationProperties, typedMap(pairs))) };
}
