// The lane's part in keeping opt-outs equal (design.md §5): reads both sides afresh, lets optout/decide.ts decide, writes what it says, and keeps what
// was decided and why. Opt-outs are written at once; opt-ins alone, right after the read they rest on. A kill at any step leaves `open` behind.

import { ConflictError, RefusedError } from "../errors.js";
import type { CompiledOptOuts } from "../mapping/compile.js";
import type { RowVersion } from "../model/ids.js";
import type { Row } from "../model/row.js";
import type { OptOutAttribute } from "../optout/attributes.js";
import { isOut, marksOf } from "./keep-opt-outs.js";
import type { VersionedRow } from "./ports.js";
import { type Job, mayBeThere, save, underIntent } from "./record-job.js";
import { noteDecisions, type Ruling, readSides, ruleOn, type Sides } from "./rule-opt-outs.js";

/**
 * The job and the row to go on with, both as they are after what was written; `settled`: both sides were compared. `until` (epoch ms): nothing may be
 * written to Campaign before; come again.
 */
export type SettledOptOuts = { job: Job; current: VersionedRow; settled: boolean } | { until: number };

/** Rounds of reading, deciding and writing; every write is followed by a look at what came of it. */
const mostRounds = 6;

/**
 * Compares and settles the opt-outs of a record, if there is news of them: what the row says differs from what is remembered, Campaign's moved
 * (kind `optout`), or a run before this one did not end; always where the profile is about to go. Undefined: the row was deleted meanwhile. ConflictError: somebody kept changing the row.
 */
export async function settleOptOuts(
  job: Job,
  current: VersionedRow,
  isLastLook = false,
): Promise<SettledOptOuts | undefined> {
  const { ports, mapping } = job;
  const rules = mapping.optOuts;
  if (!rules || !(isLastLook || hasNews(job, rules, current))) return { job, current, settled: false };
  if ((await ports.control.current()).optOutsStopped) return { job, current, settled: false };
  let [now, known]: [Job, VersionedRow | undefined] = [job, current];
  let ours: OwnWrite | undefined;
  for (let round = 1; ; round += 1) {
    const read = await readSides(now, rules, known);
    if (!read) return undefined;
    const sides = withTimeOfOthers(read, ours);
    const rulings = await ruleOn(now, rules, sides);
    const writes = rulings.filter(({ verdict }) => verdict.write);
    if (writes.length === 0) {
      await noteDecisions(now, sides, rulings, "left");
      return { job: await remember(now, sides, rulings), current: sides.current, settled: true };
    }
    const { echoUntil = 0 } = now.state;
    const isHeld = echoUntil > ports.clock.now() && writes.every(({ verdict }) => verdict.write?.side === "campaign");
    if (isHeld) return { until: echoUntil };
    if (round === mostRounds) throw new ConflictError(`the opt-outs of ${now.envelope.table} keep changing`);
    const carried = await carryOut(now, sides, rulings);
    if (carried.after)
      return { job: await remember(carried.job, ...carried.after), current: carried.after[0].current, settled: true };
    [now, known, ours] = [carried.job, undefined, carried.ours ?? ours];
  }
}

/** Our write to the row: the version it made, and when somebody else had last changed the row. */
type OwnWrite = Pick<VersionedRow, "version" | "changedAt">;

/** Our own write moves the record's time: one attribute's opt-out must not make another one's opt-in look old. */
function withTimeOfOthers({ current, campaign }: Sides, ours: OwnWrite | undefined): Sides {
  if (current.version !== ours?.version || ours.changedAt === undefined) return { current, campaign };
  return { current: { ...current, changedAt: ours.changedAt }, campaign };
}

function hasNews(job: Job, { attributes, direction }: CompiledOptOuts, { row, version }: VersionedRow): boolean {
  const { optOuts } = job.state;
  if (job.envelope.kind === "optout" || optOuts?.open) return true;
  if (!mayBeThere(job)) return attributes.some(({ attribute, column }) => comesBackOut(job, attribute, row, column));
  return attributes.some(({ attribute, column }) => {
    const isOutNow = isOut(row, column);
    // The choice may have been taken back and made again between two looks, and nobody has watched what was taken back in Campaign meanwhile.
    const isUnwatched = direction === "toCampaign" || (direction === "both" && attribute === "push");
    if (isOutNow && isUnwatched && version !== optOuts?.version) return true;
    return isOutNow !== (optOuts?.attributes[attribute]?.dynamics ?? false);
  });
}

/** A contact that comes back, and that Campaign's side had opted out before its profile went. */
function comesBackOut({ state, mapping }: Job, attribute: OptOutAttribute, row: Row, column: string): boolean {
  const wasOut = state.optOuts?.attributes[attribute]?.campaign === true;
  return wasOut && !isOut(row, column) && mapping.optOuts?.direction !== "toCampaign";
}

/** `after`: both sides as they must be now, where that is certain without another look. */
interface CarriedOut {
  job: Job;
  ours?: OwnWrite;
  after?: readonly [Sides, readonly Ruling[]];
}

/** Writes what has been ruled: all opt-outs, or else the opt-ins, and answers the job with what is known then. */
async function carryOut(job: Job, sides: Sides, rulings: readonly Ruling[]): Promise<CarriedOut> {
  const optOuts = rulings.filter(({ verdict }) => verdict.write?.value === true);
  const chosen = optOuts.length > 0 ? optOuts : rulings.filter(({ verdict }) => verdict.write);
  const inDynamics = chosen.filter(({ verdict }) => verdict.write?.side === "dynamics");
  const mayEcho = (job.state.echoUntil ?? 0) > job.ports.clock.now();
  const inCampaign = mayEcho ? [] : chosen.filter(({ verdict }) => verdict.write?.side === "campaign");
  const announced = [...inDynamics, ...inCampaign];
  let now = announce(job, announced);
  // Before a write to Campaign alone the intent of that call saves it.
  await Promise.all([inDynamics.length > 0 && save(now, now.state), noteDecisions(job, sides, announced, "announced")]);
  // Where somebody acted meanwhile, nothing was written, and the next round decides anew.
  const { version, refusal } = inDynamics.length > 0 ? await writeDynamics(now, sides, inDynamics) : {};
  if (refusal) await noteDecisions(job, sides, inDynamics, "failed");
  if (version !== undefined) {
    await noteDecisions(job, sides, inDynamics, "written");
    const isUntouched = now.state.optOuts?.version === sides.current.version;
    if (isUntouched && now.state.optOuts)
      now = { ...now, state: { ...now.state, optOuts: { ...now.state.optOuts, version } } };
  }
  if (inCampaign.length > 0) {
    now = await writeCampaign(now, sides, inCampaign);
  }
  // Only now: what Dynamics refuses holds up nothing that Campaign is to have.
  if (refusal) throw refusal;
  if (version === undefined) return { job: now };
  const after = afterwards(sides, rulings, inDynamics, version);
  return after ? { job: now, after } : { job: now, ours: { ...sides.current, version } };
}

/** Both sides after `written` to Dynamics, if that has made them equal: the version proves that nobody else touched the row, and Campaign was read after it. */
function afterwards(
  { current, campaign }: Sides,
  rulings: readonly Ruling[],
  written: readonly Ruling[],
  version: RowVersion,
): CarriedOut["after"] {
  const isSettled = (ruling: Ruling): boolean => {
    const { write } = ruling.verdict;
    return !write || (written.includes(ruling) && write.value === ruling.campaign?.value);
  };
  if (!rulings.every(isSettled)) return undefined;
  const row = {
    ...current.row,
    ...Object.fromEntries(written.map(({ column, campaign }) => [column, campaign?.value === true])),
  };
  const equal = rulings.map((ruling) => ({ ...ruling, dynamics: isOut(row, ruling.column) }));
  return [{ current: { ...current, version, row }, campaign }, equal];
}

/** The state that says that something is about to be written. That Campaign is opted out is remembered before; every other change after it. */
function announce(job: Job, rulings: readonly Ruling[]): Job {
  const attributes = { ...job.state.optOuts?.attributes };
  for (const { attribute, dynamics, campaign, verdict } of rulings) {
    if (verdict.write?.value !== true) continue;
    const was = campaign ? campaign.value : attributes[attribute]?.campaign;
    attributes[attribute] = {
      dynamics,
      campaign: was === true || verdict.write.side === "campaign",
      ...(campaign?.at !== undefined && { campaignAt: campaign.at }),
    };
  }
  const { nonce } = job.envelope;
  const isWord = nonce !== undefined && rulings.some(({ verdict }) => verdict.rule === "opt-in-confirmed");
  const optOuts = { ...job.state.optOuts, open: true, ...(isWord && { word: nonce }), attributes };
  return { ...job, state: { ...job.state, optOuts } };
}

/** The version after the write, or why Dynamics will never take it; neither: somebody changed the row meanwhile, or our own write's answer was lost. */
async function writeDynamics(
  { ports, mapping, envelope }: Job,
  { current }: Sides,
  rulings: readonly Ruling[],
): Promise<{ version?: RowVersion; refusal?: RefusedError }> {
  const columns = Object.fromEntries(rulings.map(({ column, verdict }) => [column, verdict.write?.value === true]));
  try {
    return { version: await ports.optOuts.dynamics.write(mapping, envelope.id, columns, current.version) };
  } catch (error) {
    if (error instanceof ConflictError) return {};
    if (error instanceof RefusedError) return { refusal: error };
    throw error;
  }
}

/**
 * An opt-in is decided once more inside the announced call, on both sides read again: what is between that read and the write is the one window that
 * is left, for Campaign has no conditional writes.
 */
async function writeCampaign(job: Job, sides: Sides, rulings: readonly Ruling[]): Promise<Job> {
  const { ports, mapping, envelope, state } = job;
  const values = new Map(rulings.map(({ attribute, verdict }) => [attribute, verdict.write?.value === true]));
  let isWritten = true;
  const { written } = await underIntent(job, "write", async (deadline) => {
    if ([...values.values()].includes(false)) isWritten = await holdsStill(job, sides, rulings);
    return isWritten ? ports.optOuts.campaign.write(mapping, envelope.id, values, deadline) : { mayEcho: false };
  });
  const { writtenAt: _writtenAt, ...echo } = written;
  const after = { ...state, ...echo };
  await Promise.all([save(job, after), isWritten && noteDecisions(job, sides, rulings, "written")]);
  return { ...job, state: after };
}

/** Are both sides still as they were when the opt-ins were ruled? */
async function holdsStill(job: Job, { current }: Sides, rulings: readonly Ruling[]): Promise<boolean> {
  const rules = job.mapping.optOuts;
  const again = rules && (await readSides(job, rules, undefined));
  if (again?.current.version !== current.version) return false;
  return rulings.every(({ attribute, campaign }) => {
    const there = again.campaign?.get(attribute);
    return there?.value === campaign?.value && there?.at === campaign?.at;
  });
}

/** Remembers both sides as they are now; nothing is open any more. */
async function remember(job: Job, { current }: Sides, rulings: readonly Ruling[]): Promise<Job> {
  const attributes = { ...job.state.optOuts?.attributes };
  for (const { attribute, dynamics, campaign } of rulings) {
    const before = attributes[attribute];
    attributes[attribute] = campaign
      ? { dynamics, campaign: campaign.value, ...(campaign.at !== undefined && { campaignAt: campaign.at }) }
      : { ...before, dynamics };
  }
  const word = job.state.optOuts?.word;
  const state = { ...job.state, optOuts: { ...marksOf(current), ...(word !== undefined && { word }), attributes } };
  if (JSON.stringify(state.optOuts) !== JSON.stringify(job.state.optOuts)) await save(job, state);
  return { ...job, state };
}
