import type { Envelope } from "../model/envelope.js";
import type { IngressPorts } from "./ports.js";

/** Why a record could not be brought over, in our own words and the vendor's code. */
export interface Reason {
  reason: string;
  code: string;
  message: string;
}

/**
 * Makes a message that is given up into a row of `failures`. The row first, then the mark in the state that makes the next
 * success resolve it: killed in between, the message comes again.
 */
export async function recordFailure(
  ports: Pick<IngressPorts, "failures" | "states" | "binding" | "settings">,
  envelope: Envelope,
  { reason, code, message }: Reason,
): Promise<void> {
  const { table, id, cause, correlationId } = envelope;
  const attempts = envelope.attempt + 1;
  await ports.failures.report({ flow: "ingress", table, id, reason, code, message, attempts, cause, correlationId });
  const stored = await ports.states.read(table, id);
  const { epoch } = await ports.binding();
  const { version } = await ports.settings.current();
  const state = stored?.state ?? { settings: version, epoch, present: false };
  if (!state.failing) await ports.states.save(table, id, { ...state, failing: true }, stored?.etag);
}
