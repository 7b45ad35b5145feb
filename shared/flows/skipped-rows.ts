import type { Skipped, SkippedRow } from "./egress-ports.js";

/** How many rows were skipped for which reason. */
export function countSkipped(rows: readonly SkippedRow[]): Skipped {
  const counts: Skipped = {};
  for (const { reason } of rows) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
