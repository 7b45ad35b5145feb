// A received message as the Functions host hands it over: body and triggerMetadata (facts/azure-local.md §2). Pure.
import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import type { ServiceBusTrigger } from "../config/function-definition.js";
import { formatTimeSpan } from "../config/time-span.js";
import type { Int64, TypedData } from "../worker/core-types.js";

/** A message whose body was sent as AMQP value or sequence; the host reads data sections only. */
export class UnreadableBody extends Error {}

/** Body of one message, never parsed by the host: text, or bytes with `dataType: "binary"`. Throws UnreadableBody. */
export function toBody(message: ServiceBusReceivedMessage, dataType: ServiceBusTrigger["dataType"]): TypedData {
  const bytes = bodyBytes(message);
  return dataType === "binary" ? { bytes } : { string: bytes.toString("utf8") };
}

/**
 * Bodies of a batch. As in the real host empty ones are left out, so that bodies and metadata arrays drift apart, unless the
 * app asked for `IncludeEmptyEntriesInMessagePayload`. Throws UnreadableBody.
 */
export function toBodies(messages: readonly ServiceBusReceivedMessage[], includeEmpty: boolean): TypedData {
  return {
    collectionString: {
      string: keepEntries(
        messages.map((message) => bodyBytes(message).toString("utf8")),
        includeEmpty,
      ),
    },
  };
}

function bodyBytes(message: ServiceBusReceivedMessage): Buffer {
  const body: unknown = message.body;
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (message._rawAmqpMessage.bodyType === "data" && Buffer.isBuffer(body)) return body;
  throw new UnreadableBody(
    `the message body is an AMQP ${message._rawAmqpMessage.bodyType ?? "value"}, only data can be read`,
  );
}

function keepEntries(values: readonly (string | undefined)[], includeEmpty: boolean): string[] {
  return values.flatMap((value) => (value || includeEmpty ? [value ?? ""] : []));
}

/** One piece of metadata: `long` is a 64-bit integer, `json` everything that is no text. */
type Cell =
  | { type: "string"; value: string | undefined }
  | { type: "long"; value: Int64 | undefined }
  | { type: "json"; value: unknown };

function cellsOf(message: ServiceBusReceivedMessage): Record<string, Cell> {
  const string = (value: unknown): Cell => ({
    type: "string",
    value: value === undefined || value === null ? undefined : String(value),
  });
  const json = (value: unknown): Cell => ({ type: "json", value });
  const applicationProperties = json(message.applicationProperties ?? {});
  return {
    MessageId: string(message.messageId),
    // Zero-based on the wire; the .NET client inside the real host counts from one.
    DeliveryCount: json((message.deliveryCount ?? 0) + 1),
    SequenceNumber: { type: "long", value: toInt64(message.sequenceNumber) },
    EnqueuedSequenceNumber: { type: "long", value: toInt64(message.enqueuedSequenceNumber) },
    EnqueuedTimeUtc: json(message.enqueuedTimeUtc),
    ExpiresAtUtc: json(message.expiresAtUtc),
    LockedUntil: json(message.lockedUntilUtc),
    LockToken: string(message.lockToken),
    ContentType: string(message.contentType),
    CorrelationId: string(message.correlationId),
    Subject: string(message.subject),
    Label: string(message.subject),
    To: string(message.to),
    ReplyTo: string(message.replyTo),
    ReplyToSessionId: string(message.replyToSessionId),
    SessionId: string(message.sessionId),
    PartitionKey: string(message.partitionKey),
    DeadLetterSource: string(message.deadLetterSource),
    DeadLetterReason: string(message.deadLetterReason),
    DeadLetterErrorDescription: string(message.deadLetterErrorDescription),
    ScheduledEnqueueTimeUtc: json(message.scheduledEnqueueTimeUtc),
    State: json(["active", "deferred", "scheduled"].indexOf(message.state)),
    TimeToLive: json(message.timeToLive === undefined ? undefined : formatTimeSpan(message.timeToLive)),
    ApplicationProperties: applicationProperties,
    UserProperties: applicationProperties,
  };
}

/** The .NET objects that the real host passes along as JSON: nothing a Node function can use. */
const SETTLING_OBJECTS: Record<string, TypedData> = {
  MessageReceiver: { json: "{}" },
  MessageActions: { json: "{}" },
  Client: { json: "{}" },
};

/** Metadata of a single message: text as `string`, everything else as `json`, what is absent left out. */
export function toMetadata(message: ServiceBusReceivedMessage): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = {};
  for (const [key, cell] of Object.entries(cellsOf(message))) {
    if (cell.value === undefined || cell.value === null) continue;
    if (cell.type === "string") metadata[key] = { string: cell.value };
    else metadata[key] = { json: cell.type === "long" ? decimal(cell.value) : JSON.stringify(cell.value) };
  }
  return { ...metadata, ...SETTLING_OBJECTS };
}

/** Metadata of a batch: the same keys with `Array` behind them; 64-bit integers as the Long objects protobuf makes of them. */
export function toBatchMetadata(
  messages: readonly ServiceBusReceivedMessage[],
  includeEmpty: boolean,
): Record<string, TypedData> {
  const rows = messages.map(cellsOf);
  const metadata: Record<string, TypedData> = {};
  for (const [key, first] of Object.entries(rows[0] ?? {})) {
    const values = rows.map((row) => row[key]?.value);
    if (first.type === "string") {
      metadata[`${key}Array`] = {
        collectionString: { string: keepEntries(values as (string | undefined)[], includeEmpty) },
      };
    } else if (first.type === "long") {
      metadata[`${key}Array`] = { collectionSint64: { sint64: values.map((value) => (value ?? ZERO) as Int64) } };
    } else {
      metadata[`${key}Array`] = { json: JSON.stringify(values.map((value) => value ?? null)) };
    }
  }
  return { ...metadata, ...SETTLING_OBJECTS };
}

const ZERO: Int64 = { low: 0, high: 0, unsigned: false };

function toInt64(value: number | { low: number; high: number } | undefined): Int64 | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") return { low: value.low, high: value.high, unsigned: false };
  const wide = BigInt(value);
  return { low: Number(BigInt.asIntN(32, wide)), high: Number(BigInt.asIntN(32, wide >> 32n)), unsigned: false };
}

function decimal(value: Int64): string {
  return String((BigInt(value.high) << 32n) | BigInt(value.low >>> 0));
}
