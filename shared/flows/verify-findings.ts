// What a verification found so far, as its checkpoint keeps it: numbers, and some records by id and names of fields, never values. Pure; reading
// and queueing is verify-campaign.ts.

import type { Envelope } from "../model/envelope.js";
import { compareVersions, type RecordId } from "../model/ids.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import type { SyncState } from "../storage/sync-state.js";
import type { Judgement } from "./judge-record.js";
import type { HeldRecord, VersionedRow } from "./ports.js";

/**
 * What a verification counts. `compared` = `equal` + `altered` (but for what Campaign's data policy made of it) + `different`, of which
 * `underway` had a change on its way when looked at. `missing`: ours, but lost in Campaign. `extra`: ours, but it should not be there. `left`: it
 * should not, but the mapping keeps such records. `waiting` for a parent, and `refused` by the mapping: not compared. `foreign`: neither created nor
 * adopted by us; `withoutKey`: carries no key; neither is ever changed. `queued`: how many records are to be looked at again.
 */
export const verifyCounts = [
  "compared",
  "equal",
  "altered",
  "different",
  "underway",
  "missing",
  "extra",
  "left",
  "waiting",
  "refused",
  "foreign",
  "withoutKey",
  "queued",
] as const;
type Count = (typeof verifyCounts)[number];

/** A record that is not as it should be, for an operator's eyes: its id and the names of fields, never values. */
export interface VerifySample {
  id: RecordId;
  found: "different" | "missing" | "extra" | "refused";
  fields: readonly string[];
}

/** How many samples a verification keeps, and how many field names each. */
export const maxSamples = 50;
const fieldsPerSample = 20;

/** What was found up to now by a step that began at `startedAt` (epoch ms). */
export interface Findings {
  startedAt: number;
  counts: Record<Count, number>;
  samples: VerifySample[];
}

/** A record of ours with what is known of it before it is judged; `held` undefined: Campaign has none. */
export interface Suspect {
  id: RecordId;
  state: SyncState;
  held: HeldRecord["fields"] | undefined;
}

/** The findings that a checkpoint holds; none at first. */
export function readFindings(values: Checkpoint["values"], startedAt: number): Findings {
  return {
    startedAt,
    counts: Object.fromEntries(verifyCounts.map((name) => [name, Number(values[name] ?? 0)])) as Findings["counts"],
    samples: typeof values.samples === "string" ? (JSON.parse(values.samples) as VerifySample[]) : [],
  };
}

/** Counts what was found; answers what kind of message puts it right, if there is anything to put right. */
export function note(
  findings: Findings,
  { id, state, held }: Suspect,
  row: VersionedRow | undefined,
  judgement: Judgement,
): Envelope["kind"] | undefined {
  const { counts } = findings;
  switch (judgement.verdict) {
    case "same":
      counts.compared += 1;
      counts[judgement.comparison.altered.length > 0 ? "altered" : "equal"] += 1;
      return undefined;
    case "update": {
      const fields = judgement.comparison.differing.map(({ field }) => field);
      counts.compared += 1;
      counts.different += 1;
      counts.underway += isUnderway(findings, state, row) ? 1 : 0;
      keepSample(findings, { id, found: "different", fields });
      return "upsert";
    }
    case "create":
      counts.missing += 1;
      keepSample(findings, { id, found: "missing", fields: [] });
      return "upsert";
    case "delete":
      counts.extra += 1;
      keepSample(findings, { id, found: "extra", fields: [] });
      return judgement.because === "gone" ? "delete" : "upsert";
    case "leave":
      counts.left += held ? 1 : 0;
      // Neither side has it, but our state says that Campaign has: let the writer put that right.
      if (judgement.stays) return undefined;
      return judgement.because === "gone" ? "delete" : "upsert";
    case "wait":
      counts.waiting += 1;
      return undefined;
    case "refuse":
      counts.refused += 1;
      keepSample(findings, { id, found: "refused", fields: judgement.field === undefined ? [] : [judgement.field] });
      return undefined;
  }
}

/** Has the difference a simpler cause than somebody's hand in Campaign: a change that is queued, or was being written while we read? */
function isUnderway(
  { startedAt }: Findings,
  { version, writtenAt, intent }: SyncState,
  row: VersionedRow | undefined,
): boolean {
  if (intent || (writtenAt ?? 0) >= startedAt) return true;
  return row !== undefined && (version === undefined || compareVersions(row.version, version) > 0);
}

function keepSample({ samples }: Findings, { id, found, fields }: VerifySample): void {
  if (samples.length < maxSamples) samples.push({ id, found, fields: fields.slice(0, fieldsPerSample) });
}
