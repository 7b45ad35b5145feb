// Verifying what Campaign holds against what Dynamics holds (design.md §6): `verify` queues what is not as it should be, `report` only counts.
// One page a step. Phase `reading` walks Campaign's records, phase `states` looks for those of ours that the walk did not see. Nothing is
// written here but the mark that a record was seen; the lane of each record decides anew with what it finds then.

import { ConflictError, MalformedError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import { type Envelope, fitEnvelope } from "../model/envelope.js";
import { parseRecordId, type RecordId } from "../model/ids.js";
import { buckets } from "../model/lane.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import type { StoredState, SyncState } from "../storage/sync-state.js";
import { judgeRecord } from "./judge-record.js";
import { mapLimit } from "./map-limit.js";
import { type IngressPorts, maxIdsPerRead, type VersionedRow } from "./ports.js";
import { type Findings, note, readFindings, type Suspect } from "./verify-findings.js";

const largestPage = 500;
const statesAtOnce = 16;
/** Records of ours that were not seen are asked for one by one. */
const fetchesAtOnce = 4;
const fetchesPerStep = 100;
const bucketsPerStep = 32;

type Values = Checkpoint["values"];

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
  findings: Findings;
}

function makeRun(ports: IngressPorts, mapping: CompiledMapping, values: Values): Run {
  return {
    ports,
    mapping,
    values,
    generation: Number(values.generation),
    findings: readFindings(values, ports.clock.now()),
  };
}

async function readRecords(run: Run, size: number): Promise<Values> {
  const { ports, mapping, values } = run;
  const cursor = typeof values.cursor === "string" ? values.cursor : undefined;
  const deadline = ports.clock.now() + ports.campaignBudgetMs;
  const page = await ports.campaignSource.readPage(mapping, cursor, size, deadline);
  run.findings.counts.withoutKey += page.withoutKey;

  const known = await mapLimit(page.records, statesAtOnce, async ({ key, fields }) => {
    const id = ownSpelling(key);
    const stored = id && (await ports.states.read(mapping.table.name, id));
    return id && stored && isOurs(stored.state) ? { id, stored, state: stored.state, held: fields } : undefined;
  });
  const ours = known.filter((suspect) => suspect !== undefined);
  run.findings.counts.foreign += page.records.length - ours.length;
  const marks = await mapLimit(ours, statesAtOnce, ({ id, stored }) => markSeen(run, id, stored));
  await examine(
    run,
    ours.filter((_suspect, index) => marks[index]),
  );

  const count = Number(values.count ?? 0) + page.records.length + page.withoutKey;
  const { cursor: _read, ...rest } = values;
  return page.next === undefined
    ? moved(run, { ...rest, count, phase: "states", bucket: 0 })
    : moved(run, { ...rest, count, cursor: page.next });
}

/** We write keys in one spelling only; a key in another is somebody else's, though it name the same row. */
export function ownSpelling(key: string): RecordId | undefined {
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
    const kind = note(run.findings, suspect, row, judgement);
    return kind ? [envelopeOf(run, suspect.id, kind, row, settings)] : [];
  });
  if (values.mode !== "verify" || envelopes.length === 0) return;
  await ports.queue.send(envelopes);
  run.findings.counts.queued += envelopes.length;
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

/**
 * Marks the record as seen. False: somebody saved its state twice meanwhile, so it is being written; the second phase will look at it. A mark says
 * nothing about what became of the page: after a kill the page is read again, marks or not.
 */
async function markSeen({ ports, mapping, generation }: Run, id: RecordId, stored: StoredState): Promise<boolean> {
  let current: StoredState | undefined = stored;
  for (let tries = 2; tries > 0 && current; tries -= 1) {
    if (current.state.verified === generation) return true;
    try {
      await ports.states.save(mapping.table.name, id, { ...current.state, verified: generation }, current.etag);
      return true;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      current = await ports.states.read(mapping.table.name, id);
    }
  }
  return false;
}

function moved({ findings }: Run, values: Values): Values {
  return { ...values, ...findings.counts, samples: JSON.stringify(findings.samples) };
}
