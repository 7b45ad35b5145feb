// Ordering a full read of a table: first load, recovery, replay (design.md §3, Sweep; §6). Where it has got to is checkpoint `<table>-load`;
// the reading itself is in sweep.ts.

import { ConflictError } from "../errors.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import type { IngressPorts } from "./ports.js";

/**
 * Why all rows are read. `load`: first time. `recovery`: the tracking link expired. Replays, by an operator: `changed` writes what the fingerprints
 * say is different, `force` everything, `verify` what Campaign holds differently, `report` only counts what `verify` would write.
 */
export const fullReadModes = ["load", "recovery", "changed", "force", "verify", "report"] as const;
/** See `fullReadModes`. */
export type FullReadMode = (typeof fullReadModes)[number];

/** Name of the stream in which a table's full read keeps its checkpoint; flow `ingress`. */
export function fullReadStream(table: string): string {
  return `${table}-load`;
}

/** Is a full read under way? */
export function isReading(checkpoint: Pick<Checkpoint, "values"> | undefined): boolean {
  return checkpoint !== undefined && checkpoint.values.phase !== "done";
}

/**
 * Orders a replay of the table. The next sweep starts it. ConflictError: a full read of the table is under way (or was ordered by somebody else at
 * the same moment); it says which.
 */
export async function orderReplay(
  ports: Pick<IngressPorts, "checkpoints" | "clock">,
  table: string,
  mode: Exclude<FullReadMode, "load" | "recovery">,
): Promise<{ generation: number }> {
  const current = await ports.checkpoints.read("ingress", fullReadStream(table));
  if (isReading(current)) {
    const { mode: running, count } = current?.values ?? {};
    throw new ConflictError(
      `a full read of ${table} is under way (${running ?? "load"}, ${count ?? 0} rows so far): wait for its end or cancel it`,
      { table },
    );
  }
  return start(ports, table, mode, current);
}

/**
 * Orders a full read from the start, whatever is under way; a stronger mode that is under way stays in force. `order` names the reason: the same
 * order given twice is one.
 */
export async function orderFullRead(
  ports: Pick<IngressPorts, "checkpoints" | "clock">,
  table: string,
  mode: FullReadMode,
  order = "",
): Promise<{ generation: number }> {
  const current = await ports.checkpoints.read("ingress", fullReadStream(table));
  if (order !== "" && current?.values.order === order) return { generation: Number(current.values.generation) };
  const running = isReading(current) ? current?.values.mode : undefined;
  const kept = running === "load" || running === "force" || (running === "changed" && mode === "recovery");
  return start(ports, table, kept ? (running as FullReadMode) : mode, current, order);
}

/** Ends a full read that is under way; what it queued is still worked off. Answers whether there was one. */
export async function cancelFullRead(
  ports: Pick<IngressPorts, "checkpoints" | "clock">,
  table: string,
): Promise<boolean> {
  const current = await ports.checkpoints.read("ingress", fullReadStream(table));
  if (!current || !isReading(current)) return false;
  const { cursor: _cursor, ...values } = current.values;
  const finishedAt = new Date(ports.clock.now()).toISOString();
  await ports.checkpoints.save(
    "ingress",
    fullReadStream(table),
    { ...values, phase: "done", cancelled: true, finishedAt },
    current.etag,
  );
  return true;
}

async function start(
  ports: Pick<IngressPorts, "checkpoints" | "clock">,
  table: string,
  mode: FullReadMode,
  current: Checkpoint | undefined,
  order = "",
): Promise<{ generation: number }> {
  const generation = Number(current?.values.generation ?? 0) + 1;
  const startedAt = new Date(ports.clock.now()).toISOString();
  const values = { phase: "reading", mode, generation, count: 0, startedAt, order };
  await ports.checkpoints.save("ingress", fullReadStream(table), values, current?.etag);
  return { generation };
}
