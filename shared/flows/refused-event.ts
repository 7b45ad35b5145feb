// A refused event as a failure in the operator's list, and back: what a redrive has to know of it stands in the failure.

import type { EmailEvent, EventType } from "../model/email-event.js";
import type { EgressFailure } from "./egress-ports.js";
import type { Failure } from "./ports.js";

/** The failure of an event; `table`: that of its activity. */
export function toFailure(table: string, { event, id, code, message }: EgressFailure): Failure {
  return {
    flow: "egress",
    table,
    id,
    reason: "refused",
    code,
    message: `event ${event.id}, changed ${event.changedAt}: ${message}`,
    attempts: 1,
    cause: "sweep",
    correlationId: event.id,
  };
}

/** The event that such a failure is about; undefined: it does not say when the event's row changed. */
export function eventOf(
  { correlationId, message }: Pick<Failure, "correlationId" | "message">,
  type: EventType,
): Pick<EmailEvent, "id" | "type" | "changedAt"> | undefined {
  const [, changedAt] = /^, changed (\S+): /.exec(message.slice(`event ${correlationId}`.length)) ?? [];
  return changedAt === undefined ? undefined : { id: correlationId, type, changedAt };
}
