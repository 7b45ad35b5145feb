// One record in the hands of its lane: what is known of it, and how what is known is stored before and after a call to Campaign. What is
// written, and when, is write-record.ts.

import { errorKind, MissingError, UnavailableError } from "../errors.js";
import { type CompiledMapping, coversMapping } from "../mapping/compile.js";
import type { Envelope } from "../model/envelope.js";
import { compareVersions, type RowVersion } from "../model/ids.js";
import type { Binding } from "../storage/binding.js";
import type { RecordRef } from "../storage/child-links.js";
import type { Intent, StoredState, SyncState } from "../storage/sync-state.js";
import type { Carried, IngressPorts, SettingsInForce, VersionedRow } from "./ports.js";
import { echoes } from "./send-record.js";

/** One run over one record. `state` is what was read and is never changed in place; `etag` is that of what was last saved. */
export interface Job {
  readonly ports: IngressPorts;
  readonly envelope: Envelope;
  readonly self: RecordRef;
  readonly mapping: CompiledMapping;
  readonly settings: SettingsInForce;
  readonly binding: Binding;
  readonly state: SyncState;
  /** Must the record be written though nothing seems to differ? Not if it was, since somebody asked for it: a message that comes twice. */
  readonly isForced: boolean;
  etag: string | undefined;
}

/** The share of the call budget, on top of it, that a call sent at its end may need to take effect. */
const effectShare = 1.5;

/** Causes that look at a record again though its version has been dealt with: what else it depends on may have changed. */
const looksAgain = new Set<Envelope["cause"]>(["load", "replay", "recovery", "parent", "redrive"]);

/** Makes the job of a message whose record has this state. */
export function makeJob(given: Omit<Job, "self" | "state" | "isForced" | "etag">, stored: StoredState): Job {
  const { table, id, force, occurredAt } = given.envelope;
  const { state, etag } = stored;
  const isForced = force === true && !((state.writtenAt ?? 0) > Date.parse(occurredAt) && state.always !== undefined);
  return { ...given, self: { table, id }, state, isForced, etag };
}

/** An open intent whose time is over: its sender died, and nobody knows what Campaign holds. Only a fresh write settles it. */
export function isInterrupted({ state }: Pick<Job, "state">): boolean {
  return state.intent !== undefined;
}

/** May there be a record of ours in Campaign? */
export function mayBeThere(job: Pick<Job, "state">): boolean {
  return job.state.present || isInterrupted(job);
}

/** Has what this message tells, or something newer, been dealt with, so that there is nothing to look at? */
export function isOldNews(job: Job): boolean {
  const { version } = job.envelope;
  if (looksAgain.has(job.envelope.cause) || mustLook(job) || version === undefined) return false;
  return ageOf(job, version) <= 0;
}

/** Has this row, read after the state or carried by news of it, been dealt with? One that is older than the state says proves the state wrong. */
export function isDealtWith(job: Job, version: RowVersion): boolean {
  return !looksAgain.has(job.envelope.cause) && !mustLook(job) && ageOf(job, version) === 0;
}

/** What an operator is to know of a row that is older than the version on file, which then was never true. */
export function versionDoubts(job: Job, version: RowVersion): string[] {
  if (ageOf(job, version) >= 0) return [];
  const { version: claimed } = job.state;
  return [
    `the row has version ${version}, but ${claimed} was on file: a forged notice or a restored environment (docs/security.md)`,
  ];
}

function mustLook(job: Job): boolean {
  const { releasing, optOuts } = job.state;
  return job.isForced || isInterrupted(job) || releasing === true || optOuts?.open === true;
}

/** Below 0: older than the version on file; any version is newer than one of another epoch, or than none. */
function ageOf({ state, binding }: Job, version: RowVersion): number {
  if (state.epoch !== binding.epoch || state.version === undefined) return 1;
  return compareVersions(version, state.version);
}

/** The row that travelled with the message, if it may be used: complete, versioned, and nothing says that there is a newer truth. */
export function takeRow({ envelope, mapping, state }: Job): VersionedRow | undefined {
  const { row, version } = envelope;
  if (envelope.kind === "delete" || !row || version === undefined) return undefined;
  if (envelope.columns !== mapping.columnSet || !coversMapping(row, mapping)) return undefined;
  if (state.tombstone !== undefined || state.intent !== undefined) return undefined;
  if (state.version !== undefined && compareVersions(version, state.version) < 0) return undefined;
  return { id: envelope.id, version, row };
}

/** Undefined: Dataverse says that the row does not exist. Any other trouble is thrown. */
export async function readRow({ ports, envelope, mapping }: Job): Promise<VersionedRow | undefined> {
  const row = await ports.dynamics.fetchRow(mapping, envelope.id).catch((error: unknown) => {
    if (error instanceof MissingError) return undefined;
    throw error;
  });
  await ports.gates.fine("dynamics");
  return row;
}

/** The state once this version is dealt with: no intent, no failure, not kept out; settings and epoch of now. */
export function dealtWith({ settings, binding, state, envelope }: Job, version: RowVersion | undefined): SyncState {
  const { intent: _i, failing: _f, tombstone: _t, out: _o, releasing: _r, echoUntil: _e, ...rest } = state;
  const heard = { cause: envelope.cause, at: envelope.occurredAt, correlationId: envelope.correlationId };
  return {
    ...rest,
    settings: settings.version,
    epoch: binding.epoch,
    heard,
    ...(version !== undefined && { version }),
  };
}

/** A state that claims nothing of what Campaign holds, so that the record is written anew when it comes back. */
export function withoutContent({ always: _always, insertOnly: _insertOnly, ...rest }: SyncState): SyncState {
  return rest;
}

/**
 * Saves under the ETag. A success after a failure resolves it first: killed in between, the next success resolves it again,
 * whereas the other order would leave it open for ever.
 */
export async function save(job: Job, state: SyncState): Promise<void> {
  const { ports, self } = job;
  if (job.state.failing && !state.failing) await ports.failures.resolve(self.table, self.id);
  job.etag = await ports.states.save(self.table, self.id, state, job.etag);
}

/**
 * Announces the call and makes it; whoever calls this then saves what it came to, and `written` with it. The call's deadline counts from before the announcement, so that a
 * process that slept in between cannot send it after somebody else was allowed to. After an error that certainly changed nothing the intent is
 * taken back.
 */
export async function underIntent<T extends Carried>(
  job: Job,
  kind: Intent["kind"],
  call: (deadline: number) => Promise<T>,
): Promise<{ result: T; written: Pick<SyncState, "writtenAt" | "echoUntil"> }> {
  const { ports, state } = job;
  const { wanted, drain } = await ports.control.current();
  // Asked again, for reading the row may have taken long: a flow that says STOPPED makes no call any more.
  if (wanted === "stopped" && !drain) throw new UnavailableError("the flow has been stopped", false);
  const now = ports.clock.now();
  const deadline = now + ports.campaignBudgetMs;
  const until = now + Math.ceil(ports.campaignBudgetMs * effectShare);
  await save(job, { ...state, intent: { kind, until } });
  try {
    const result = await call(deadline);
    return { result, written: { writtenAt: ports.clock.now(), ...(result.mayEcho && { echoUntil: until }) } };
  } catch (error) {
    if (!isInterrupted(job) && !mayHaveApplied(error)) await save(job, state);
    throw error;
  }
}

function mayHaveApplied(error: unknown): boolean {
  if (echoes(error)) return true;
  if (error instanceof UnavailableError) return error.context.maybeApplied === true;
  return errorKind(error) === "bug" || errorKind(error) === "malformed";
}
