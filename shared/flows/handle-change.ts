// One message of queue `changes` from arrival to its fate. Writing is write-record.ts, choosing the fate settle.ts.

import type { Envelope } from "../model/envelope.js";
import type { IngressPorts } from "./ports.js";
import { recordFailure } from "./record-failure.js";
import { decideFate, type Fate, firstAttemptWithoutRow } from "./settle.js";
import { type WriteOutcome, writeRecord } from "./write-record.js";

/** What happened, for the log. `delayed` and `failed` carry the error that led there. */
export type ChangeOutcome =
  | Exclude<WriteOutcome, { until: number }>
  | { outcome: "delayed"; until: number; error?: unknown }
  | { outcome: "failed"; fate: Fate & { fate: "fail" }; error: unknown };

/**
 * Handles one message. When it returns, the message may be completed: its work is done, or stored elsewhere. Throws what only
 * the platform can handle (bugs; the bus or the tables being away), so that the message is delivered again.
 */
export async function handleChange(ports: IngressPorts, envelope: Envelope): Promise<ChangeOutcome> {
  try {
    const written = await writeRecord(ports, envelope);
    if (!("until" in written)) return written;
    const { outcome, until } = written;
    const later = outcome === "trail" ? trailing(envelope) : envelope;
    await ports.queue.schedule({ ...later, nonce: `${outcome}-${until}` }, until);
    return { outcome: "delayed", until };
  } catch (error) {
    const fate = decideFate(error, envelope.attempt, ports.clock.now());
    if (fate.fate === "redeliver") throw error;
    if (fate.fate === "delay") {
      await ports.queue.schedule(delayed(envelope, fate), fate.at);
      return { outcome: "delayed", until: fate.at, error };
    }
    await recordFailure(ports, envelope, fate);
    return { outcome: "failed", fate, error };
  }
}

/**
 * The message that stands for all edits of a moment: without row and version it reads fresh, and every edit makes the same one,
 * so that the bus keeps one of them. Where it keeps more, the others find the version dealt with.
 */
function trailing(envelope: Envelope): Envelope {
  const { row: _row, columns: _columns, version: _version, ...bare } = envelope;
  return bare;
}

/** The nonce keeps a delay that costs no attempt from being taken for a duplicate of the message it replaces. */
function delayed(envelope: Envelope, fate: Fate & { fate: "delay" }): Envelope {
  const { row: _row, columns: _columns, ...bare } = envelope;
  const kept = fate.attempt >= firstAttemptWithoutRow ? bare : envelope;
  return { ...kept, attempt: fate.attempt, nonce: `delay-${fate.at}` };
}
