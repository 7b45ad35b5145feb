// One record from "look at this" to Campaign holding what Dynamics holds (design.md §3, Write). Runs in the record's lane only.
// Every step may be the last one before a kill: what a step relies on is stored before it. Errors are thrown; settle.ts decides.

import { ConflictError, errorKind, MissingError, UnavailableError } from "../errors.js";
import {
  type CompiledMapping,
  coversMapping,
  type Fields,
  isMergedAway,
  type MappedRow,
  withoutEmpty,
} from "../mapping/compile.js";
import { type Fingerprints, fingerprintsOf } from "../mapping/fingerprint.js";
import type { Envelope } from "../model/envelope.js";
import { compareVersions, type RowVersion } from "../model/ids.js";
import type { Binding } from "../storage/binding.js";
import type { Intent, StoredState, SyncState } from "../storage/sync-state.js";
import type { IngressPorts, VersionedRow } from "./ports.js";

/**
 * What came of it. `created`, `updated`, `deleted`: Campaign was written. `unchanged`: newer version, same content, no call.
 * `stale`: this version or a newer one has been dealt with. `gone`: deleted, and nothing of ours to delete. `left`: deleted, but
 * the mapping keeps such records. `filtered`: the mapping's filters keep the record out, and what was there stays. `unmapped`: no
 * mapping for the table. `trail`: written a moment ago; one message at `until` stands for this edit and whatever follows it.
 * `wait`: somebody's announced call may still take effect until `until` (epoch ms).
 */
export type WriteOutcome =
  | { outcome: "created" | "updated" | "unchanged"; warnings: readonly string[] }
  | { outcome: "deleted" | "stale" | "gone" | "left" | "filtered" | "unmapped" }
  | { outcome: "wait" | "trail"; until: number };

/** The share of the call budget, on top of it, that a call sent at its end may need to take effect. */
const effectShare = 1.5;

/** Several edits of one record within this time cost two calls: the first at once, the rest together. */
const settlingMs = 1_000;

/** Brings one record up to date. What happens twice: the second time finds the version dealt with and does nothing. */
export async function writeRecord(ports: IngressPorts, envelope: Envelope): Promise<WriteOutcome> {
  const binding = await ports.binding();
  const found = await ports.states.read(envelope.table, envelope.id);
  const { version, mappings } = await ports.settings.atLeast(
    Math.max(envelope.settings ?? 1, found?.state.settings ?? 1),
  );
  const mapping = mappings.get(envelope.table);
  if (!mapping) return { outcome: "unmapped" };
  const stored = found ?? { state: { settings: version, epoch: binding.epoch, present: false } };
  const job: Job = { ports, envelope, mapping, settings: version, binding, stored, state: stored.state };

  const { intent } = stored.state;
  if (intent && intent.until > ports.clock.now()) return { outcome: "wait", until: intent.until };
  if (envelope.kind === "upsert" && isDealtWith(job, envelope.version)) return { outcome: "stale" };
  const settled = (stored.state.writtenAt ?? 0) + settlingMs;
  if (envelope.kind === "upsert" && !envelope.force && settled > ports.clock.now()) {
    return { outcome: "trail", until: settled };
  }

  const current = takeRow(job) ?? (await readRow(job));
  if (!current || isMergedAway(current.row)) return retire(job, current?.version);
  if (isDealtWith(job, current.version)) return { outcome: "stale" };
  return mapping.accepts(current.row) ? upsert(job, current) : filterOut(job, current.version);
}

/** One run of this flow over one record. `state` is what was read, never changed in place. */
interface Job {
  ports: IngressPorts;
  envelope: Envelope;
  mapping: CompiledMapping;
  settings: number;
  binding: Binding;
  stored: StoredState;
  state: SyncState;
}

/** An open intent whose time is over: its sender died, and nobody knows what Campaign holds. Only a fresh write settles it. */
function isInterrupted({ state }: Job): boolean {
  return state.intent !== undefined;
}

function isDealtWith(job: Job, version: RowVersion | undefined): boolean {
  const { state, binding, envelope } = job;
  if (envelope.force || isInterrupted(job) || state.epoch !== binding.epoch) return false;
  return version !== undefined && state.version !== undefined && compareVersions(version, state.version) <= 0;
}

/** The row that travelled with the message, if it may be used: complete, versioned, and nothing says that there is a newer truth. */
function takeRow(job: Job): VersionedRow | undefined {
  const { envelope, mapping, state } = job;
  const { row, version } = envelope;
  if (envelope.kind === "delete" || !row || version === undefined) return undefined;
  if (envelope.columns !== mapping.columnSet || !coversMapping(row, mapping)) return undefined;
  if (state.tombstone !== undefined || isInterrupted(job)) return undefined;
  if (state.version !== undefined && compareVersions(version, state.version) < 0) return undefined;
  return { id: envelope.id, version, row };
}

/** Undefined: Dataverse says that the row does not exist. Any other trouble is thrown. */
async function readRow({ ports, envelope, mapping }: Job): Promise<VersionedRow | undefined> {
  try {
    return await ports.dynamics.fetchRow(mapping, envelope.id);
  } catch (error) {
    if (error instanceof MissingError) return undefined;
    throw error;
  }
}

async function upsert(job: Job, current: VersionedRow): Promise<WriteOutcome> {
  const { ports, envelope, mapping, state } = job;
  const mapped = mapping.map(current.row);
  const prints = fingerprintsOf(mapping, envelope.id, mapped, ports.fingerprintKey);
  const withInsertOnly = !state.present || envelope.cause === "load" || envelope.cause === "replay";
  const done = { ...dealtWith(job, current.version), ...prints, present: true };

  const same = state.always === prints.always && (!withInsertOnly || state.insertOnly === prints.insertOnly);
  if (same && state.present && !isInterrupted(job) && !envelope.force) {
    await save(job, keepInsertOnly(done, state, withInsertOnly), job.stored.etag);
    return { outcome: "unchanged", warnings: mapped.warnings };
  }

  const outcome = await underIntent(
    job,
    "write",
    (deadline) => send(job, mapped, withInsertOnly, deadline),
    () => keepInsertOnly(done, state, withInsertOnly),
  );
  return { outcome, warnings: mapped.warnings };
}

/** An update that did not write the insert-only fields must not claim that it did. */
function keepInsertOnly(done: SyncState & Fingerprints, before: SyncState, written: boolean): SyncState {
  if (written) return done;
  const { insertOnly: _new, ...rest } = done;
  return before.insertOnly === undefined ? rest : { ...rest, insertOnly: before.insertOnly };
}

/**
 * PATCH if we believe the record is there, POST if not; once the other one when Campaign knows better. A key that exists although we did not know is
 * a write of ours whose answer was lost, or a record that already carries this contact's id.
 */
async function send(
  { ports, envelope, mapping, state }: Job,
  mapped: MappedRow,
  withInsertOnly: boolean,
  deadline: number,
): Promise<"created" | "updated"> {
  const all: Fields = { ...mapped.always, ...mapped.insertOnly };
  const insert = async (): Promise<"created"> => {
    await ports.campaign.insert(mapping, envelope.id, withoutEmpty(all), deadline);
    return "created";
  };
  const update = async (fields: Fields): Promise<"updated"> => {
    await ports.campaign.update(mapping, envelope.id, fields, deadline);
    return "updated";
  };
  try {
    return state.present ? await update(withInsertOnly ? all : mapped.always) : await insert();
  } catch (error) {
    if (state.present && error instanceof MissingError) return insert();
    if (!state.present && error instanceof ConflictError) return update(all);
    throw error;
  }
}

async function retire(job: Job, version: RowVersion | undefined): Promise<WriteOutcome> {
  const { ports, mapping, state } = job;
  const known = dealtWith(job, version ?? state.version);
  const tombstone = state.tombstone ?? new Date(ports.clock.now()).toISOString();
  const gone = { ...withoutContent(known), present: false, tombstone };
  if (!isThere(job)) {
    if (state.tombstone === undefined || version !== undefined) await save(job, gone, job.stored.etag);
    return { outcome: "gone" };
  }
  if (!mapping.applyDeletes) {
    await save(job, { ...known, tombstone }, job.stored.etag);
    return { outcome: "left" };
  }
  return remove(job, gone);
}

/** Without fingerprints, so that the record is written again when the filters let it back in. */
async function filterOut(job: Job, version: RowVersion): Promise<WriteOutcome> {
  const out = withoutContent(dealtWith(job, version));
  if (isThere(job) && job.mapping.whenFilteredOut === "delete") return remove(job, { ...out, present: false });
  await save(job, out, job.stored.etag);
  return { outcome: "filtered" };
}

/** May there be a record of ours in Campaign? */
function isThere(job: Job): boolean {
  return job.state.present || isInterrupted(job);
}

function withoutContent({ always: _always, insertOnly: _insertOnly, ...rest }: SyncState): SyncState {
  return rest;
}

/** Deletes the record; one that is gone already is deleted. */
async function remove(job: Job, after: SyncState): Promise<WriteOutcome> {
  const { ports, envelope, mapping } = job;
  const call = (deadline: number): Promise<void> =>
    ports.campaign.remove(mapping, envelope.id, deadline).catch((error: unknown) => {
      if (!(error instanceof MissingError)) throw error;
    });
  await underIntent(job, "delete", call, () => after);
  return { outcome: "deleted" };
}

/**
 * Announces the call, makes it, stores what it came to. The call's deadline counts from before the announcement, so that a process that
 * slept in between cannot send it after somebody else was allowed to. After an error that certainly changed nothing the intent is taken back.
 */
async function underIntent<T>(
  job: Job,
  kind: Intent["kind"],
  call: (deadline: number) => Promise<T>,
  after: () => SyncState,
): Promise<T> {
  const { ports, state } = job;
  const now = ports.clock.now();
  const deadline = now + ports.campaignBudgetMs;
  const announced = { ...state, intent: { kind, until: now + Math.ceil(ports.campaignBudgetMs * effectShare) } };
  const etag = await save(job, announced, job.stored.etag);
  let result: T;
  try {
    result = await call(deadline);
  } catch (error) {
    if (!isInterrupted(job) && !mayHaveApplied(error)) await save(job, state, etag);
    throw error;
  }
  await save(job, { ...after(), writtenAt: ports.clock.now() }, etag);
  return result;
}

function mayHaveApplied(error: unknown): boolean {
  if (error instanceof UnavailableError) return error.context.maybeApplied === true;
  return errorKind(error) === "bug" || errorKind(error) === "malformed";
}

/** The state once this version is dealt with: no intent, no failure, settings and epoch of now. */
function dealtWith({ settings, binding, state }: Job, version: RowVersion | undefined): SyncState {
  const { intent: _intent, failing: _failing, tombstone: _tombstone, ...rest } = state;
  return { ...rest, settings, epoch: binding.epoch, ...(version !== undefined && { version }) };
}

/**
 * Saves under the ETag. A success after a failure resolves it first: killed in between, the next success resolves it again,
 * whereas the other order would leave it open for ever.
 */
async function save(job: Job, state: SyncState, etag: string | undefined): Promise<string> {
  const { ports, envelope } = job;
  if (job.state.failing && !state.failing) await ports.failures.resolve(envelope.table, envelope.id);
  return ports.states.save(envelope.table, envelope.id, state, etag);
}
