import type { Clock } from "../model/clock.js";
import { type DryOutcome, type DrySide, dryOutcomes } from "../model/dry-note.js";
import type { DryRun } from "./dry-run-ports.js";

/** Records of one table with one outcome; `system` is where they would have been written. */
export interface OutcomeCount {
  system: DrySide;
  table: string;
  outcome: DryOutcome;
  records: number;
}

/** What a dry run has noted, counted until `until` (epoch ms): `orMore` says that it was not all. */
export async function countOutcomes(
  run: Pick<DryRun, "list">,
  clock: Pick<Clock, "now">,
  until: number,
): Promise<{ counts: OutcomeCount[]; records: number; orMore: boolean }> {
  const counts = new Map<string, OutcomeCount>();
  let records = 0;
  let orMore = false;
  for await (const { side, table, note } of run.list({})) {
    orMore = clock.now() >= until;
    if (orMore) break;
    const key = [side, table, dryOutcomes.indexOf(note.outcome)].join(" ");
    const before = counts.get(key)?.records ?? 0;
    counts.set(key, { system: side, table, outcome: note.outcome, records: before + 1 });
    records += 1;
  }
  return { counts: [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, count]) => count), records, orMore };
}
