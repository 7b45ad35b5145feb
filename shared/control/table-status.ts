// One table as an operator sees it: parked or not, how far its full read and its change tracking are.

import { z } from "zod";
import { deltaStream } from "../flows/follow-changes.js";
import { fullReadModes, fullReadStream } from "../flows/full-read.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import type { Parking } from "../storage/control.js";
import { instant } from "./shapes.js";

/** Why a table is set aside. */
export const parkingSchema = z
  .object({
    reason: z.string(),
    since: instant,
    by: z.string(),
    code: z.string().optional(),
    message: z.string().optional(),
    until: instant.optional(),
  })
  .meta({ id: "Parking" });

/** A full read: load, recovery or replay. `details` holds whatever else its checkpoint counts. */
export const fullReadSchema = z
  .object({
    phase: z.string(),
    mode: z.enum(fullReadModes),
    records: z.int(),
    startedAt: instant.optional(),
    finishedAt: instant.optional(),
    cancelled: z.boolean().optional(),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .meta({ id: "FullRead" });

/** A mapped table. `lagMs`: age of the last look at its changes. */
export const tableStatusSchema = z
  .object({
    table: z.string(),
    resource: z.string(),
    state: z.enum(["RUNNING", "PARKED"]),
    parked: parkingSchema.optional(),
    changes: z.object({ phase: z.string(), lookedAt: instant.optional(), lagMs: z.int().optional() }).optional(),
    fullRead: fullReadSchema.optional(),
  })
  .meta({ id: "TableStatus" });

/** Checkpoints of flow `ingress` by stream. */
export type Streams = ReadonlyMap<string, Checkpoint["values"]>;

/** The table's status from what is stored of it. */
export function tableStatus(
  mapping: CompiledMapping,
  parked: Parking | undefined,
  streams: Streams,
  now: number,
): z.output<typeof tableStatusSchema> {
  const table = mapping.table.name;
  const changes = streams.get(deltaStream(table));
  const lookedAt = typeof changes?.at === "string" ? changes.at : undefined;
  const fullRead = fullReadOf(streams.get(fullReadStream(table)));
  return {
    table,
    resource: mapping.resource.name,
    state: parked ? "PARKED" : "RUNNING",
    ...(parked && { parked }),
    ...(changes && {
      changes: {
        phase: String(changes.phase),
        ...(lookedAt !== undefined && { lookedAt, lagMs: Math.max(0, now - Date.parse(lookedAt)) }),
      },
    }),
    ...(fullRead && { fullRead }),
  };
}

/** A full read from its checkpoint. */
export function fullReadOf(values: Checkpoint["values"] | undefined): z.output<typeof fullReadSchema> | undefined {
  if (!values) return undefined;
  const { phase, mode, count, startedAt, finishedAt, cancelled, cursor: _cursor, order: _order, ...rest } = values;
  const details = Object.entries(rest).filter(
    ([, value]) => typeof value !== "string" || value.length <= longestDetail,
  );
  return {
    phase: String(phase),
    mode: fullReadModes.find((known) => known === mode) ?? "load",
    records: Number(count ?? 0),
    ...(startedAt !== undefined && { startedAt: String(startedAt) }),
    ...(finishedAt !== undefined && { finishedAt: String(finishedAt) }),
    ...(cancelled === true && { cancelled }),
    details: Object.fromEntries(details),
  };
}

/** Cursors and the like are longer, and of no use to a reader. */
const longestDetail = 200;
