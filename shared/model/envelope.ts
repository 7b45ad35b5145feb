// The one message on queue `changes`, version 1 (design.md §3). What travels; not how (messaging/).

import { createHash } from "node:crypto";
import { z } from "zod";
import { MalformedError } from "../errors.js";
import { type OptOutAttribute, optOutAttributes } from "../optout/attributes.js";
import type { RecordId, RowVersion } from "./ids.js";
import { parseRecordId } from "./ids.js";
import type { Row } from "./row.js";

/** Why a record is on the queue. */
export type Cause = z.infer<typeof causeSchema>;
const causeSchema = z.enum(["notice", "sweep", "load", "replay", "recovery", "parent", "redrive", "optout"]);

const rowSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));

const envelopeSchema = z.object({
  v: z.literal(1),
  table: z.string().min(1).max(128),
  id: z.string().transform((text) => parseRecordId(text)),
  kind: z.enum(["upsert", "delete", "optout"]),
  version: z
    .string()
    .regex(/^\d{1,20}$/)
    .transform((text) => text as RowVersion)
    .optional(),
  row: rowSchema.optional(),
  columns: z.string().max(64).optional(),
  cause: causeSchema,
  force: z.boolean().optional(),
  attempt: z.number().int().min(0),
  occurredAt: z.iso.datetime(),
  correlationId: z.string().max(128),
  /** Tells apart messages that have nothing else to tell them apart: a page, a request, a delay. */
  nonce: z.string().max(128).optional(),
  settings: z.number().int().positive().optional(),
  waits: z.number().int().positive().optional(),
  parent: z
    .object({ table: z.string().min(1).max(128), id: z.string().transform((text) => parseRecordId(text)) })
    .optional(),
  optOuts: z.array(z.enum(optOutAttributes)).max(optOutAttributes.length).optional(),
  confirmed: z
    .object({
      version: z
        .string()
        .regex(/^\d{1,20}$/)
        .transform((text) => text as RowVersion),
      at: z.partialRecord(z.enum(optOutAttributes), z.number().nullable()),
      by: z.string().max(128),
    })
    .optional(),
});

/**
 * "Look at this record": its table and id, what is known to have happened, and maybe the row itself.
 * `row` holds the mapped columns only and counts only when `columns` names the column set of the mapping in force.
 * `attempt` counts the failed tries so far; `occurredAt` is when the change was made or, if unknown, noticed. `settings` is the version
 * of the settings that the sender knew: whoever handles the message must know it too. `waits` counts how often it waited for a
 * parent; `parent` is the record that came or went and therefore asks this one to look again. Kind `optout`: compare the opt-outs of both sides; `optOuts` are to be
 * opted out whatever both sides say.
 */
export interface Envelope {
  v: 1;
  table: string;
  id: RecordId;
  kind: "upsert" | "delete" | "optout";
  version?: RowVersion | undefined;
  row?: Row | undefined;
  columns?: string | undefined;
  cause: Cause;
  force?: boolean | undefined;
  attempt: number;
  occurredAt: string;
  correlationId: string;
  nonce?: string | undefined;
  settings?: number | undefined;
  waits?: number | undefined;
  parent?: { table: string; id: RecordId } | undefined;
  optOuts?: readonly OptOutAttribute[] | undefined;
  /** An operator's word for opt-ins: it holds while the row has this version and Campaign these times (epoch ms, null: none) for its attributes. */
  confirmed?: ConfirmedOptIns | undefined;
}

/**
 * Nonce of an `optout` envelope: the same when the same news is sent again by the same run, another for a later change. `run` names a reading of
 * Campaign that may ask for what an earlier one asked for.
 */
export function optOutNonce(key: string, movedAt: string, run: string): string {
  return createHash("sha256").update([key, movedAt, run].join("\u0000")).digest("hex").slice(0, 40);
}

/** See `Envelope.confirmed`. */
export interface ConfirmedOptIns {
  version: RowVersion;
  at: Readonly<Partial<Record<OptOutAttribute, number | null>>>;
  by: string;
}

/** Largest envelope that carries its row; above it the row is left out and read later (design.md §3). */
export const maxEnvelopeBytes = 64 * 1024;

/** Reads a message body. Throws MalformedError naming the first member that is wrong, never its value. */
export function parseEnvelope(body: unknown): Envelope {
  const parsed = envelopeSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  const first = parsed.error.issues[0];
  throw new MalformedError(
    `not an envelope: ${first?.path.join(".") || "body"} is wrong (${first?.code ?? "unknown"})`,
  );
}

/** Largest bundle; together with what the bus adds it stays below the 256 KB of a message. */
export const maxBundleBytes = 160 * 1024;
/** Most records in one bundle. */
export const maxBundleRecords = 100;

/**
 * Records of one lane that travel as one message: a load's, so that the lane can prepare one while it writes another, and the bus moves one message
 * instead of many. Each is a message's worth by itself; no record is in it twice.
 */
export interface Bundle {
  v: 1;
  bundle: readonly Envelope[];
}

const bundleSchema = z.object({ v: z.literal(1), bundle: z.array(z.unknown()).min(1).max(maxBundleRecords) });

/** Reads a message body, one envelope or a bundle of them. Throws MalformedError as parseEnvelope does. */
export function parseMessage(body: unknown): readonly Envelope[] {
  const bundle = bundleSchema.safeParse(body);
  return bundle.success ? bundle.data.bundle.map(parseEnvelope) : [parseEnvelope(body)];
}

/** Cuts envelopes of one lane into bundles of at most `records`, none larger than a message may be. */
export function bundle(envelopes: readonly Envelope[], records: number): Envelope[][] {
  const bundles: Envelope[][] = [];
  let bytes = 0;
  for (const envelope of envelopes) {
    const size = Buffer.byteLength(JSON.stringify(envelope)) + 1;
    const last = bundles.at(-1);
    if (last && last.length < Math.min(records, maxBundleRecords) && bytes + size <= maxBundleBytes) {
      last.push(envelope);
      bytes += size;
    } else {
      bundles.push([envelope]);
      bytes = size;
    }
  }
  return bundles;
}

/** The envelope without its row when it would not fit; the writer then reads the row itself. */
export function fitEnvelope(envelope: Envelope): Envelope {
  if (Buffer.byteLength(JSON.stringify(envelope)) <= maxEnvelopeBytes) return envelope;
  const { row: _row, columns: _columns, ...rest } = envelope;
  return rest;
}

/** Message id of a bundle: the same for the same envelopes. */
export function bundleIdOf(envelopes: readonly Envelope[]): string {
  const hash = createHash("sha256");
  for (const envelope of envelopes) hash.update(messageIdOf(envelope));
  return hash.digest("hex").slice(0, 40);
}

/**
 * Message id for duplicate detection: the same for a repeated send of the same news, never the same for two causes, nor for two that ask for more than
 * a look. Correctness does not rest on what it drops (the writer's version guard does), but on what it must not drop.
 */
export function messageIdOf(envelope: Envelope): string {
  const { cause, table, id, kind, version, attempt, nonce, force, optOuts, confirmed } = envelope;
  const parts = [cause, table, id, kind, version ?? "", String(attempt), nonce ?? ""];
  if (force || optOuts || confirmed) parts.push(JSON.stringify([force, optOuts, confirmed]));
  return createHash("sha256").update(parts.join("\u0000")).digest("hex").slice(0, 40);
}
