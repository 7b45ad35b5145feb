import type { ServiceBusMessage } from "@azure/service-bus";
import { type Envelope, fitEnvelope, messageIdOf } from "../model/envelope.js";
import { laneOf } from "../model/lane.js";

/**
 * An envelope as it travels: JSON body, the lane as session, the envelope's own message id for duplicate detection. Property
 * names are lower camel, because the Functions library changes the first letter of every other (facts/azure-local.md §2).
 */
export interface OutgoingMessage extends ServiceBusMessage {
  body: Envelope;
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
