import { createHash } from "node:crypto";
import { MalformedError } from "../errors.js";
import { type Envelope, parseMessage } from "../model/envelope.js";
import { parseRecordId } from "../model/ids.js";
import type { IngressPorts } from "./ports.js";
import { recordFailure } from "./record-failure.js";

/** A message of a dead-letter queue, as the platform describes it. */
export interface DeadLetter {
  body: unknown;
  messageId: string;
  /** The platform's reason, e.g. `MaxDeliveryCountExceeded`, `TTLExpiredException`. */
  reason: string;
  enqueuedAt: string;
}

/**
 * Turns a dead letter into a failure, or one for each record of a bundle, so that there is one place to look. A message that nobody can read becomes a failure
 * under an id derived from its message id. Twice is once: the same record, the same row.
 */
export async function collectDeadLetter(
  ports: Pick<IngressPorts, "failures" | "states" | "binding" | "settings">,
  letter: DeadLetter,
): Promise<readonly Envelope[]> {
  const envelopes = readEnvelopes(letter);
  for (const envelope of envelopes) {
    const message =
      envelope.table === unreadableTable
        ? "the message cannot be read; it was not made by this app, or by another version of it"
        : "the platform gave the message up: see the log for what was thrown each time";
    await recordFailure(ports, envelope, { reason: "dead-letter", code: letter.reason, message });
  }
  return envelopes;
}

/** Stands in for the table of a message that cannot be read. Its failures can only be dismissed. */
export const unreadableTable = "unreadable-message";

function readEnvelopes({ body, messageId, enqueuedAt }: DeadLetter): readonly Envelope[] {
  try {
    return parseMessage(body);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    const hex = createHash("sha256").update(messageId).digest("hex");
    const id = parseRecordId(
      `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
    );
    const kind = "upsert" as const;
    const nothing = { attempt: 0, occurredAt: enqueuedAt, correlationId: messageId };
    return [{ v: 1, table: unreadableTable, id, kind, cause: "redrive", ...nothing }];
  }
}
