// One record from "look at this" to Campaign holding what Dynamics holds (design.md §3, Write). Runs in the record's lane only.
// Every step may be the last one before a kill: what a step relies on is stored before it. Errors are thrown; settle.ts decides.

import { MissingError, RefusedError } from "../errors.js";
import { type Fields, isMergedAway, withoutLink } from "../mapping/compile.js";
import { type Fingerprints, fingerprintsOf } from "../mapping/fingerprint.js";
import type { Parent } from "../mapping/parents.js";
import type { Envelope } from "../model/envelope.js";
import type { RecordRef } from "../storage/child-links.js";
import type { SyncState } from "../storage/sync-state.js";
import { hasChildren, hasRegistered, keyOf, lookAtParents, tellChildren, tidyLinks } from "./family.js";
import { trackedSince } from "./follow-changes.js";
import { keepOptOuts, rememberStart, startingOptOuts } from "./keep-opt-outs.js";
import type { IngressPorts, VersionedRow } from "./ports.js";
import {
  dealtWith,
  isDealtWith,
  isInterrupted,
  isOldNews,
  type Job,
  makeJob,
  mayBeThere,
  readRow,
  save,
  takeRow,
  underIntent,
  versionDoubts,
  withoutContent,
} from "./record-job.js";
import { echoes, sendRecord } from "./send-record.js";
import { type SettledOptOuts, settleOptOuts } from "./settle-opt-outs.js";

/**
 * What came of it. `created`, `updated`, `deleted`: Campaign was written. `unchanged`: newer version, same content, no call.
 * `stale`: this version or a newer one has been dealt with. `gone`: deleted, and nothing of ours to delete. `left`: deleted, but
 * the mapping keeps such records. `filtered`: a filter, its own or that of a parent it may not be without, keeps the record out. `unmapped`: no
 * mapping for the table. `settled`: the opt-outs of both sides were compared, and there was nothing else. `trail`: written a moment ago; one message at `until` stands for this edit and whatever follows it.
 * `wait`: somebody's announced call may still take effect until `until` (epoch ms). `family`: a parent has to come first, or children to go
 * first; the message is to come again at `until`, as its `waits`-th wait.
 */
export type WriteOutcome =
  | { outcome: "created" | "updated" | "unchanged"; warnings: readonly string[] }
  | { outcome: "deleted" | "stale" | "settled" | "gone" | "left" | "filtered" | "unmapped" }
  | { outcome: "wait" | "trail"; until: number }
  | { outcome: "family"; until: number; waits: number };

/** Several edits of one record within a second cost two calls: the first at once, the rest together, with some time for their notices to arrive. */
const settlingMs = 1_200;

/** How far the clock of Dynamics, by which notices are dated, may be ahead of ours. */
const dynamicsSkewMs = 60_000;

const second = 1_000;
/** Pauses of a record that waits for its parent; about an hour in all. A parent that comes ends the wait at once. */
const parentPausesMs: readonly number[] = [1, 2, 5, 10, 30, 60, 120, 300, 300, 300, 300, 300, 300, 300, 300, 300].map(
  (seconds) => seconds * second,
);
/** Pauses of a parent that is to go until its children have let it go. It does not go without them: they would be hidden in Campaign for ever. */
const goodbyePausesMs = parentPausesMs;

/** Code of the failure of a record that is to go and whose children do not let it. */
export const childrenRemain = "children-remain";

/** Code of the failure of a record whose parent never came. */
export const parentMissing = "parent-missing";

/** Brings one record up to date. What happens twice: the second time finds the version dealt with and does nothing. */
export async function writeRecord(ports: IngressPorts, envelope: Envelope): Promise<WriteOutcome> {
  const binding = await ports.binding();
  // A load's rows are new as a rule, and then it is needed: read beside the state.
  const tracked = envelope.cause === "load" ? trackedSince(ports.checkpoints, envelope.table) : undefined;
  tracked?.catch(() => {});
  const found = await ports.states.read(envelope.table, envelope.id);
  const settings = await ports.settings.atLeast(Math.max(envelope.settings ?? 1, found?.state.settings ?? 1));
  const mapping = settings.mappings.get(envelope.table);
  if (!mapping) return { outcome: "unmapped" };
  const stored = found ?? { state: { settings: settings.version, epoch: binding.epoch, present: false } };
  const job = makeJob({ ports, envelope, mapping, settings, binding }, stored);

  const { intent } = job.state;
  if (intent && intent.until > ports.clock.now()) return { outcome: "wait", until: intent.until };
  if (envelope.kind === "upsert" && isOldNews(job)) return { outcome: "stale" };
  const calmAt = (job.state.writtenAt ?? 0) + settlingMs;
  if (envelope.kind === "upsert" && !job.isForced && calmAt > ports.clock.now()) {
    return { outcome: "trail", until: calmAt };
  }

  const carried = takeRow(job);
  const current = carried && !(await isPastRecall(job, tracked)) ? carried : await readRow(job);
  if (!current || isMergedAway(current.row)) return retire(job, current);
  // First of all, and whatever becomes of the rest.
  const settled = await settleOptOuts(job, current);
  if (!settled) return retire(job, undefined);
  if ("until" in settled) return { outcome: "wait", until: settled.until };
  return bringUp(settled);
}

/** The rest of a record whose opt-outs are settled. */
async function bringUp({ job, current, settled }: Exclude<SettledOptOuts, { until: number }>): Promise<WriteOutcome> {
  if (isDealtWith(job, current.version) || (job.envelope.kind === "optout" && !mayBeThere(job))) {
    return { outcome: settled ? "settled" : "stale" };
  }
  return job.mapping.accepts(current.row) ? upsert(job, current, settled) : filterOut(job, current, settled);
}

/**
 * Would nobody ever tell that this row has been deleted since? Change tracking tells of no delete before its token, and whoever looked for those
 * found no record yet that this row now creates.
 */
async function isPastRecall(job: Job, tracked: Promise<number | undefined> | undefined): Promise<boolean> {
  if (mayBeThere(job)) return false;
  const { table, occurredAt, cause } = job.envelope;
  const since = await (tracked ?? trackedSince(job.ports.checkpoints, table));
  const skew = cause === "notice" ? dynamicsSkewMs : 0;
  return since !== undefined && Date.parse(occurredAt) - skew < since;
}

async function upsert(job: Job, current: VersionedRow, isSettled: boolean): Promise<WriteOutcome> {
  const { ports, envelope, mapping, state } = job;
  const family = await lookAtParents(job, current.row);
  if (family.verdict === "withheld") return withhold(job, current, isSettled);
  if (family.verdict === "waiting") return waitForParent(job, family);

  const mapped = family.without.reduce(withoutLink, mapping.map(current.row));
  const doubts = versionDoubts(job, current.version);
  const prints = fingerprintsOf(mapping, envelope.id, mapped, ports.fingerprintKey);
  const withInsertOnly = !state.present || envelope.cause === "load" || envelope.cause === "replay";
  const parents = family.linked.map(keyOf);
  const known = {
    ...dealtWith(job, current.version),
    ...prints,
    present: true,
    ...(parents.length > 0 && { parents }),
  };
  const done = keepInsertOnly(known, state, withInsertOnly);

  const same = state.always === prints.always && (!withInsertOnly || state.insertOnly === prints.insertOnly);
  if (same && state.present && !isInterrupted(job) && !job.isForced) {
    await saveAndTell(job, keepEcho(job, done));
    await tidyLinks(job, family.linked, family.without);
    return { outcome: "unchanged", warnings: [...doubts, ...mapped.warnings] };
  }
  const echo = waitForEcho(job);
  if (echo) return echo;
  const starting = startingOptOuts(job, current.row);
  const startingFields = async (): Promise<Fields> =>
    starting.size > 0 ? ports.optOuts.campaign.toFields(mapping, starting) : {};
  const start = rememberStart(mapping, current, starting);
  const announced = state.present ? job : { ...job, state: { ...state, ...start } };
  const { result, written } = await underIntent(announced, "write", (deadline) =>
    sendRecord(job, mapped, { withInsertOnly, starting: startingFields, deadline }),
  );
  job.etag = announced.etag;
  const { outcome } = result;
  const warnings = [...doubts, ...result.warnings];
  const isFound = outcome === "updated" && !state.present && mapping.optOuts !== undefined;
  const after = {
    ...done,
    ...written,
    ...(outcome === "created" && start),
    // A profile that was there though we did not know: nobody has compared its opt-outs.
    ...(isFound && { optOuts: { attributes: {}, ...state.optOuts, open: true } }),
  };
  await saveAndTell(job, after);
  await tidyLinks(job, family.linked, family.without);
  if (!isFound) return { outcome, warnings };
  const settled = await settleOptOuts({ ...job, state: after }, current);
  return settled && "until" in settled ? { outcome: "wait", until: settled.until } : { outcome, warnings };
}

/** An attempt of the last call may yet take effect: what is written before it does would be undone. */
function waitForEcho({ ports, state }: Job): WriteOutcome | undefined {
  const { echoUntil } = state;
  return echoUntil !== undefined && echoUntil > ports.clock.now() ? { outcome: "wait", until: echoUntil } : undefined;
}

/** An update that did not write the insert-only fields must not claim that it did. */
function keepInsertOnly(done: SyncState & Fingerprints, before: SyncState, written: boolean): SyncState {
  if (written) return done;
  const { insertOnly: _new, ...rest } = done;
  return before.insertOnly === undefined ? rest : { ...rest, insertOnly: before.insertOnly };
}

/** Saves what is new of the state; children of a record that has just come to Campaign, or come back, are told, though it be killed in between. */
async function saveAndTell(job: Job, done: SyncState): Promise<void> {
  const { state, settings, mapping } = job;
  const hasCome = !state.present || state.out === true;
  const owes =
    state.releasing === true || (hasCome && hasChildren(settings, mapping) && (await hasRegistered(job, "any")));
  if (!owes) return isEqual(done, state) ? undefined : save(job, done);
  await save(job, { ...done, releasing: true });
  await tellChildren(job);
  await save(job, done);
}

/** Equal but for who brought the news: that alone is not worth a write. */
function isEqual(a: SyncState, b: SyncState): boolean {
  const text = ({ heard: _heard, ...state }: SyncState): string => JSON.stringify(Object.entries(state).sort());
  return text(a) === text(b);
}

function waitForParent(
  { ports, envelope }: Job,
  { parent, failing }: { parent: RecordRef; failing: boolean },
): WriteOutcome {
  const waits = (envelope.waits ?? 0) + 1;
  const pause = parentPausesMs[waits - 1];
  if (pause !== undefined) return { outcome: "family", until: ports.clock.now() + pause, waits };
  const why = failing ? "which is in failures itself" : "which has not come to Campaign";
  throw new RefusedError(`waited in vain for its parent ${parent.table} ${parent.id}, ${why}`, parentMissing);
}

/** `merged`: the row as it is, if it lost a merge; a row that was deleted is none. */
async function retire(found: Job, merged: VersionedRow | undefined): Promise<WriteOutcome> {
  const { ports, mapping, state } = found;
  const isNews = state.tombstone === undefined;
  const isGoing = mayBeThere(found) && mapping.applyDeletes;
  const isTold = found.envelope.optOuts !== undefined;
  const job = isGoing || isTold || (merged && isNews) ? await keepOptOuts(found, merged?.row) : found;
  const known = keepEcho(job, dealtWith(job, merged?.version ?? state.version));
  const tombstone = state.tombstone ?? new Date(ports.clock.now()).toISOString();
  if (mayBeThere(job) && mapping.applyDeletes) {
    return remove(job, { ...withoutFamily(withoutContent(known)), present: false, tombstone });
  }
  const left = mayBeThere(job);
  const after = left
    ? { ...known, present: true, tombstone }
    : { ...withoutFamily(withoutContent(known)), present: false, tombstone };
  if (!isEqual(after, state)) await save(job, after);
  await tidyLinks(job, [], []);
  return { outcome: left ? "left" : "gone" };
}

/**
 * The profile is about to go while its contact stays: what Campaign says of opt-outs by now is settled as if it stayed. The job and the row to go on
 * with, or what has come of it.
 */
async function lookOnceMore(found: Job, row: VersionedRow): Promise<Pick<LastLook, "job" | "current"> | WriteOutcome> {
  const last = await settleOptOuts(found, row, true);
  if (!last) return retire(found, undefined);
  if ("until" in last) return { outcome: "wait", until: last.until };
  return last.settled ? last : { ...last, job: await keepOptOuts(last.job, undefined) };
}

type LastLook = Exclude<SettledOptOuts, { until: number }>;

async function filterOut(found: Job, row: VersionedRow, isSettled: boolean): Promise<WriteOutcome> {
  const isGoing = mayBeThere(found) && found.mapping.whenFilteredOut === "delete";
  const last = isGoing && !isSettled ? await lookOnceMore(found, row) : { job: found, current: row };
  if ("outcome" in last) return last;
  const { job, current } = last;
  const known = keepEcho(job, dealtWith(job, current.version));
  const out = { ...withoutFamily(withoutContent(known)), present: false, out: true };
  if (!mayBeThere(job)) return keepOut(job, out);
  if (job.mapping.whenFilteredOut === "delete") return remove(job, out);
  // What Campaign holds is what it held, unless a call was interrupted.
  return keepOut(job, { ...(isInterrupted(job) ? withoutContent(known) : known), present: true });
}

async function keepOut(job: Job, after: SyncState): Promise<WriteOutcome> {
  if (!isEqual(after, job.state)) await save(job, after);
  if (!after.present) await tidyLinks(job, [], []);
  return { outcome: "filtered" };
}

/** A record that may not be in Campaign without its parent. It stays registered, to come when the parent comes. */
async function withhold(found: Job, given: VersionedRow, isSettled: boolean): Promise<WriteOutcome> {
  const last = mayBeThere(found) && !isSettled ? await lookOnceMore(found, given) : { job: found, current: given };
  if ("outcome" in last) return last;
  const { job, current } = last;
  const { row, version } = current;
  const parents = job.mapping.parents(row).filter(({ mustExist }) => mustExist);
  const after = { ...withoutFamily(withoutContent(keepEcho(job, dealtWith(job, version)))), present: false, out: true };
  if (mayBeThere(job)) return remove(job, after, parents);
  if (!isEqual(after, job.state)) await save(job, after);
  await tidyLinks(job, [], parents);
  return { outcome: "filtered" };
}

/** A state that is saved without a call keeps what is known of the last one. */
function keepEcho({ state, ports }: Job, after: SyncState): SyncState {
  const { echoUntil } = state;
  return echoUntil !== undefined && echoUntil > ports.clock.now() ? { ...after, echoUntil } : after;
}

function withoutFamily({ parents: _parents, ...rest }: SyncState): SyncState {
  return rest;
}

/**
 * Deletes the record; one that is gone already is deleted. Children that are linked to it are asked to let go first: a record whose only
 * parent is gone is hidden in Campaign, and nobody could change or delete it any more.
 */
async function remove(job: Job, after: SyncState, stillHeard: readonly Parent[] = []): Promise<WriteOutcome> {
  const { ports, envelope, mapping, state, settings } = job;
  const waits = (envelope.waits ?? 0) + 1;
  const pause = goodbyePausesMs[waits - 1];
  if (hasChildren(settings, mapping) && (await hasRegistered(job, "linked"))) {
    if (pause === undefined) {
      throw new RefusedError("waited in vain for records that are linked to it to go first", childrenRemain);
    }
    if (!state.out) await save(job, { ...state, out: true });
    await tellChildren(job);
    return { outcome: "family", until: ports.clock.now() + pause, waits };
  }
  const echo = waitForEcho(job);
  if (echo) return echo;
  const { written } = await underIntent(job, "delete", (deadline) =>
    ports.campaign.remove(mapping, envelope.id, deadline).catch((error: unknown) => {
      if (!(error instanceof MissingError)) throw error;
      return { mayEcho: echoes(error) };
    }),
  );
  await save(job, { ...after, ...written });
  await tidyLinks(job, [], stillHeard);
  return { outcome: "deleted" };
}
