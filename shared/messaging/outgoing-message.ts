import type { ServiceBusMessage } from "@azure/service-bus";
import { RefusedError } from "../errors.js";
import { type Bundle, bundleIdOf, type Envelope, fitEnvelope, messageIdOf } from "../model/envelope.js";
import { laneOf } from "../model/lane.js";

/** Makes the message of a bundle, whose envelopes are all of one lane. */
export function toBundleMessage(envelopes: readonly Envelope[], lanes: number): OutgoingMessage {
  const [first] = envelopes;
  if (!first) throw new RefusedError("an empty bundle cannot be sent", "empty-bundle");
  if (envelopes.length === 1) return toOutgoingMessage(first, lanes);
  return {
    body: { v: 1, bundle: envelopes.map(fitEnvelope) },
    messageId: bundleIdOf(envelopes),
    sessionId: laneOf(first.table, first.id, lanes),
    contentType: "application/json",
    correlationId: first.correlationId,
    applicationProperties: { table: first.table, cause: first.cause, records: envelopes.length },
  };
}

/**
 * An envelope as it travels: JSON body, the lane as session, the envelope's own message id for duplicate detection. Property
 * names are lower camel, because the Functions library changes the first letter of every other (facts/azure-local.md §2).
 */
export interface OutgoingMessage extends ServiceBusMessage {
  body: Envelope | Bundle;
  messageId: string;
  sessionId: string;
}

/** Makes the message of an envelope for `lanes` lanes; a row that would not fit is left out. */
export function toOutgoingMessage(envelope: Envelope, lanes: number): OutgoingMessage {
  return {
    body: fitEnvelope(envelope),
    messageId: messageIdOf(envelope),
    sessionId: laneOf(envelope.table, envelope.id, lanes),
    contentType: "application/json",
    correlationId: envelope.correlationId,
    applicationProperties: { table: envelope.table, cause: envelope.cause },
  };
}
