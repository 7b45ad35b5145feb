// Verifying what Campaign holds against what Dynamics holds (design.md §6): `verify` queues what is not as it should be, `report` only counts.
// One page a step. Phase `reading` walks Campaign's records, phase `states` looks for those of ours that the walk did not see. Nothing is
// written here but the mark that a record was seen; the lane of each record decides anew with what it finds then.

import { ConflictError, MalformedError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { type Envelope, fitEnvelope } from "../model/envelope.js";
import { compareVersions, parseRecordId, type RecordId } from "../model/ids.js";
import { buckets } from "../model/lane.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import type { SyncState } from "../storage/sync-state.js";
import { type Judgement, judgeRecord } from "./judge-record.js";
import { mapLimit } from "./map-limit.js";
import { type HeldRecord, type IngressPorts, maxIdsPerRead, type VersionedRow } from "./ports.js";

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

const largestPage = 500;
const statesAtOnce = 16;
/** Records of ours that were not seen are asked for one by one. */
const fetchesAtOnce = 4;
const fetchesPerStep = 100;
const bucketsPerStep = 32;

type Values = Checkpoint["values"];

/** A record with what is known of it before it is judged; `held` undefined: Campaign has none. */
interface Suspect {
  id: RecordId;
  state: SyncState;
  held: HeldRecord["fields"] | undefined;
}

/**
 * Does the next page of the verification that `values` (checkpoint `<table>-load`, modes `verify` and `report`) describe, and answers the values
 * to save. `samples` is the JSON of VerifySample[]. A kill before they are saved repeats the page: it queues the same messages again and counts once.
 */
export async function verifyStep(
  ports: IngressPorts,
  mapping: CompiledMapping,
  values: Values,
  pageSize: number,
): Promise<Values> {
  const size = Math.max(1, Math.min(pageSize, largestPage));
  if (values.phase === "reading") return readRecords(makeRun(ports, mapping, values), size);
  if (values.phase === "states") return lookForUnseen(makeRun(ports, mapping, values), size);
  return values;
}

/** One step: what it found so far. */
interface Run {
  ports: IngressPorts;
  mapping: CompiledMapping;
  values: Values;
  generation: number;
  startedAt: number;
  counts: Record<Count, number>;
  samples: VerifySample[];
}

/** What kind of message a finding calls for. */
type Kind = Envelope["kind"] | undefined;

function makeRun(ports: IngressPorts, mapping: CompiledMapping, values: Values): Run {
  return {
    ports,
    mapping,
    values,
    generation: Number(values.generation),
    startedAt: ports.clock.now(),
    counts: Object.fromEntries(verifyCounts.map((name) => [name, Number(values[name] ?? 0)])) as Run["counts"],
    samples: typeof values.samples === "string" ? (JSON.parse(values.samples) as VerifySample[]) : [],
  };
}

async function readRecords(run: Run, size: number): Promise<Values> {
  const { ports, mapping, values } = run;
  const cursor = typeof values.cursor === "string" ? values.cursor : undefined;
  const deadline = ports.clock.now() + ports.campaignBudgetMs;
  const page = await ports.campaignSource.readPage(mapping, cursor, size, deadline);
  run.counts.withoutKey += page.withoutKey;

  const known = await mapLimit(page.records, statesAtOnce, async ({ key, fields }) => {
    const id = ownSpelling(key);
    const state = id && (await ports.states.read(mapping.table.name, id))?.state;
    return id && state && isOurs(state) ? { id, state, held: fields } : undefined;
  });
  const ours = known.filter((suspect) => suspect !== undefined);
  run.counts.foreign += page.records.length - ours.length;
  await examine(run, ours);
  // Only now: a record that is marked has been dealt with, whatever happens next.
  await mapLimit(ours, statesAtOnce, ({ id }) => markSeen(run, id));

  const count = Number(values.count ?? 0) + page.records.length + page.withoutKey;
  const { cursor: _read, ...rest } = values;
  return page.next === undefined
    ? moved(run, { ...rest, count, phase: "states", bucket: 0 })
    : moved(run, { ...rest, count, cursor: page.next });
}

/** We write keys in one spelling only; a key in another is somebody else's, though it name the same row. */
function ownSpelling(key: string): RecordId | undefined {
  try {
    const id = parseRecordId(key);
    return id === key ? id : undefined;
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

/** Did we create or adopt the record, or were we about to when somebody was killed? */
function isOurs({ present, intent }: SyncState): boolean {
  return present || intent !== undefined;
}

/** Looks at some records that should be in Campaign but were not on its pages: a page can miss some while others are deleted. */
async function lookForUnseen(run: Run, size: number): Promise<Values> {
  const { ports, mapping, values, generation } = run;
  const most = Math.min(size, fetchesPerStep);
  let bucket = Number(values.bucket ?? 0);
  let after = typeof values.after === "string" ? values.after : "";
  const unseen: { id: RecordId; state: SyncState }[] = [];
  const end = Math.min(buckets, bucket + bucketsPerStep);

  while (bucket < end && unseen.length < most) {
    let isThrough = true;
    for await (const { id, state } of ports.states.list(mapping.table.name, bucket)) {
      if (id <= after || !state.present || state.verified === generation) continue;
      if (unseen.length === most) {
        isThrough = false;
        break;
      }
      unseen.push({ id, state });
    }
    [bucket, after] = isThrough ? [bucket + 1, ""] : [bucket, unseen.at(-1)?.id ?? after];
  }

  const suspects = await mapLimit(unseen, fetchesAtOnce, async ({ id, state }): Promise<Suspect> => {
    const held = await ports.campaignSource.fetch(mapping, id, ports.clock.now() + ports.campaignBudgetMs);
    return { id, state, held };
  });
  await examine(run, suspects);

  const count = Number(values.count ?? 0) + suspects.filter(({ held }) => held).length;
  const { bucket: _bucket, after: _after, ...rest } = values;
  if (bucket === buckets) {
    return moved(run, { ...rest, count, phase: "done", finishedAt: new Date(ports.clock.now()).toISOString() });
  }
  return moved(run, { ...rest, count, bucket, ...(after !== "" && { after }) });
}

/** Compares records with their rows, and queues what is wrong. */
async function examine(run: Run, suspects: readonly Suspect[]): Promise<void> {
  if (suspects.length === 0) return;
  const { ports, mapping, values } = run;
  const ids = suspects.map(({ id }) => id);
  const rows = await fetchRows(run, ids);
  const judged = await mapLimit(suspects, statesAtOnce, async (suspect) => {
    const row = rows.get(suspect.id);
    return { suspect, row, judgement: await judgeRecord(ports, mapping, { row, held: suspect.held, ours: true }) };
  });
  const settings = (await ports.settings.current()).version;
  const envelopes = judged.flatMap(({ suspect, row, judgement }) => {
    const kind = note(run, suspect, row, judgement);
    return kind ? [envelopeOf(run, suspect.id, kind, row, settings)] : [];
  });
  if (values.mode !== "verify" || envelopes.length === 0) return;
  await ports.queue.send(envelopes);
  run.counts.queued += envelopes.length;
}

async function fetchRows(
  { ports, mapping }: Run,
  ids: readonly RecordId[],
): Promise<ReadonlyMap<RecordId, VersionedRow>> {
  const rows = new Map<RecordId, VersionedRow>();
  for (let start = 0; start < ids.length; start += maxIdsPerRead) {
    const found = await ports.dynamics.fetchRows(mapping, ids.slice(start, start + maxIdsPerRead));
    for (const row of found) rows.set(row.id, row);
  }
  return rows;
}

/** Counts what was found; answers what kind of message puts it right, if there is anything to put right. */
function note(run: Run, { id, state, held }: Suspect, row: VersionedRow | undefined, judgement: Judgement): Kind {
  const { counts } = run;
  switch (judgement.verdict) {
    case "same":
      counts.compared += 1;
      counts[judgement.comparison.altered.length > 0 ? "altered" : "equal"] += 1;
      return undefined;
    case "update": {
      const fields = judgement.comparison.differing.map(({ field }) => field);
      counts.compared += 1;
      counts.different += 1;
      counts.underway += isUnderway(run, state, row) ? 1 : 0;
      keepSample(run, { id, found: "different", fields });
      return "upsert";
    }
    case "create":
      counts.missing += 1;
      keepSample(run, { id, found: "missing", fields: [] });
      return "upsert";
    case "delete":
      counts.extra += 1;
      keepSample(run, { id, found: "extra", fields: [] });
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
      keepSample(run, { id, found: "refused", fields: judgement.field === undefined ? [] : [judgement.field] });
      return undefined;
  }
}

/** Has the difference a simpler cause than somebody's hand in Campaign: a change that is queued, or was being written while we read? */
function isUnderway(run: Run, { version, writtenAt, intent }: SyncState, row: VersionedRow | undefined): boolean {
  if (intent || (writtenAt ?? 0) >= run.startedAt) return true;
  return row !== undefined && (version === undefined || compareVersions(row.version, version) > 0);
}

function keepSample({ samples }: Run, { id, found, fields }: VerifySample): void {
  if (samples.length < maxSamples) samples.push({ id, found, fields: fields.slice(0, fieldsPerSample) });
}

function envelopeOf(
  { ports, mapping, generation }: Run,
  id: RecordId,
  kind: Envelope["kind"],
  row: VersionedRow | undefined,
  settings: number,
): Envelope {
  const nonce = `verify-${generation}`;
  return fitEnvelope({
    v: 1,
    table: mapping.table.name,
    id,
    kind,
    cause: "replay",
    force: true,
    attempt: 0,
    occurredAt: new Date(ports.clock.now()).toISOString(),
    correlationId: nonce,
    nonce,
    settings,
    ...(row && kind === "upsert" && { version: row.version, row: row.row, columns: mapping.columnSet }),
  });
}

/** Whoever saves the state in between is writing the record: then it is there, and the second phase will ask for it if need be. */
async function markSeen({ ports, mapping, generation }: Run, id: RecordId): Promise<void> {
  for (let tries = 2; tries > 0; tries -= 1) {
    const stored = await ports.states.read(mapping.table.name, id);
    if (!stored || stored.state.verified === generation) return;
    try {
      await ports.states.save(mapping.table.name, id, { ...stored.state, verified: generation }, stored.etag);
      return;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
}

function moved({ counts, samples }: Run, values: Values): Values {
  return { ...values, ...counts, samples: JSON.stringify(samples) };
}
