// One message of queue `changes` from arrival to its fate. Writing is write-record.ts, choosing the fate settle.ts, waiting hold-back.ts.

import { peerOf } from "../errors.js";
import type { Envelope } from "../model/envelope.js";
import { type HeldBack, holdBack } from "./hold-back.js";
import type { IngressPorts } from "./ports.js";
import { recordFailure } from "./record-failure.js";
import { decideFate, type Fate, firstAttemptWithoutRow, isPeersAnswer, isPeersTrouble } from "./settle.js";
import { childrenRemain, parentMissing, type WriteOutcome, writeRecord } from "./write-record.js";

/** What happened, for the log. `delayed`, `parked` and `failed` carry the error that led there; `held` says what holds the message back. */
export type ChangeOutcome =
  | Exclude<WriteOutcome, { until: number }>
  | { outcome: "held"; held: HeldBack }
  | { outcome: "delayed"; until: number; error?: unknown }
  | { outcome: "parked"; until: number; error: unknown }
  | { outcome: "failed"; error: unknown };

/**
 * Handles one message. When it returns, the message may be completed: its work is done, or stored elsewhere. Throws what only
 * the platform can handle (bugs; the bus or the tables being away), so that the message is delivered again.
 */
export async function handleChange(ports: IngressPorts, envelope: Envelope): Promise<ChangeOutcome> {
  const held = await holdBack(ports, envelope);
  if (held) {
    await ports.queue.schedule(again(envelope, `held-${held.until}`), held.until);
    return { outcome: "held", held };
  }
  let written: WriteOutcome;
  try {
    written = await writeRecord(ports, envelope);
  } catch (error) {
    return settle(ports, envelope, error);
  }
  if (metCampaign.has(written.outcome)) {
    await Promise.all([ports.gates.fine("campaign"), ports.control.succeeded(envelope.table)]);
  }
  if (!("until" in written)) return written;
  const { outcome, until } = written;
  const waits = "waits" in written ? { waits: written.waits } : {};
  const later = outcome === "wait" ? { ...envelope, nonce: `wait-${until}` } : again(envelope, `${outcome}-${until}`);
  await ports.queue.schedule({ ...later, ...waits }, until);
  return { outcome: "delayed", until };
}

/** What another record is to blame for says nothing about the mapping. */
const waitedInVain: ReadonlySet<string> = new Set([parentMissing, childrenRemain]);

const metCampaign = new Set<WriteOutcome["outcome"]>(["created", "updated", "deleted", "settled"]);

async function settle(ports: IngressPorts, envelope: Envelope, error: unknown): Promise<ChangeOutcome> {
  const fate = decideFate(error, envelope.attempt, ports.clock.now());
  if (fate.fate === "redeliver") throw error;
  const peer = peerOf(error);
  if (peer && isPeersTrouble(error)) await ports.gates.trouble(peer, error);
  if (peer && isPeersAnswer(error)) await ports.gates.fine(peer);
  if (fate.fate === "delay") {
    await ports.queue.schedule(delayed(envelope, fate), fate.at);
    return { outcome: "delayed", until: fate.at, error };
  }
  if (fate.fate === "park") {
    await ports.control.park(envelope.table, fate.code, fate.message, fate.until);
    await ports.queue.schedule(again(envelope, `parked-${fate.until}`), fate.until);
    return { outcome: "parked", until: fate.until, error };
  }
  await recordFailure(ports, envelope, fate);
  if (!waitedInVain.has(fate.code)) await ports.control.failed(envelope.table, envelope.id, fate.code, fate.message);
  return { outcome: "failed", error };
}

/**
 * The message to look at the record again: without row and version it reads fresh. Edits of one moment all make the same one, so that the bus keeps one of
 * them; where it keeps more, the others find the version dealt with.
 */
function again(envelope: Envelope, nonce: string): Envelope {
  const { row: _row, columns: _columns, version: _version, ...bare } = envelope;
  return { ...bare, nonce };
}

/** The nonce keeps a delay that costs no attempt from being taken for a duplicate of the message it replaces. */
function delayed(envelope: Envelope, fate: Fate & { fate: "delay" }): Envelope {
  const { row: _row, columns: _columns, ...bare } = envelope;
  const kept = fate.attempt >= firstAttemptWithoutRow ? bare : envelope;
  return { ...kept, attempt: fate.attempt, nonce: `delay-${fate.at}` };
}
