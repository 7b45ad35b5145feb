// Work that an operator ordered, done step by step on a checkpoint of its own: a kill repeats the step in hand, and gates, an operator's stop and what goes
// wrong are noted there in words (`waiting`). What a step does is said by those who use this.

import { ConflictError, SyncError, safeMessage } from "../errors.js";
import type { Checkpoint } from "../storage/checkpoints.js";
import { changeCheckpoint } from "./change-checkpoint.js";
import { whyHeld } from "./pull-events.js";
import type { ReconcilePorts } from "./reconcile-ports.js";

type Values = Checkpoint["values"];

/** What is done. Values with phase `done` end it; `retryMs`: pause after an error. */
export interface Steps {
  place: readonly [flow: string, stream: string];
  retryMs: number;
  /** Does the next step call a peer? A gate lets one probe through at a time: whoever calls nobody must not take it. */
  callsPeers(values: Values): boolean;
  /** The values after the next step, or why it cannot be done yet. */
  step(values: Values): Promise<Values | { wait: string }>;
  /** What is left of the values after this error; as they were, unless given. */
  afterError?(values: Values, error: SyncError): Values;
}

/** What one slice did. `idle`: nothing is ordered, or it is not time yet. */
export type Sliced = { state: "idle" } | { state: "working" | "waiting" | "done"; values: Values };

/**
 * Goes on with what is ordered until it is done, `deadline` (epoch ms), or something holds it. ConflictError: it was cancelled, or another slice is faster.
 */
export async function workInSteps(
  ports: Pick<ReconcilePorts, "checkpoints" | "clock" | "binding" | "gates" | "stopped">,
  { place, retryMs, callsPeers, step, afterError = (values) => values }: Steps,
  deadline: number,
): Promise<Sliced> {
  const { checkpoints, clock } = ports;
  const found = await checkpoints.read(...place);
  if (!found || found.values.phase === "done") return { state: "idle" };
  if (clock.now() < Date.parse(String(found.values.retryAt ?? ""))) return { state: "idle" };
  let { values, etag } = found;
  const save = async (next: Values): Promise<void> => {
    etag = await checkpoints.save(...place, next, etag);
    values = next;
  };
  const hold = async (waiting: string): Promise<Sliced> => {
    if (values.waiting !== waiting) await save({ ...values, waiting });
    return { state: "waiting", values };
  };
  try {
    await ports.binding();
    do {
      const why = callsPeers(values) ? await whyHeld(ports) : await ports.stopped();
      if (why !== undefined) return await hold(why);
      const { waiting: _waiting, retryAt: _retryAt, ...rest } = values;
      const next = await step(rest);
      if (isWait(next)) return await hold(next.wait);
      await save(next);
      if (next.phase === "done") return { state: "done", values };
    } while (clock.now() < deadline);
    return { state: "working", values };
  } catch (error) {
    if (error instanceof SyncError && !(error instanceof ConflictError)) {
      const retryAt = new Date(clock.now() + retryMs).toISOString();
      // The tables may be what is away; the error itself says more than this one.
      await save({ ...afterError(values, error), waiting: safeMessage(error), retryAt }).catch(ignoreOurs);
    }
    throw error;
  }
}

/**
 * Ends what is under way there, at the latest after the step in hand; what was done stays. Answers whether there was something. ConflictError: the step in
 * hand always was faster.
 */
export async function cancelWork(
  { checkpoints, clock }: Pick<ReconcilePorts, "checkpoints" | "clock">,
  place: Steps["place"],
): Promise<boolean> {
  const found = await checkpoints.read(...place);
  let isUnderWay = found !== undefined && found.values.phase !== "done";
  if (!isUnderWay) return false;
  await changeCheckpoint(checkpoints, place, (values) => {
    isUnderWay = values.phase !== "done";
    return isUnderWay ? ended(values, clock.now(), true) : values;
  });
  return isUnderWay;
}

/** The checkpoint of work that is over. */
export function ended(values: Values, now: number, cancelled: boolean): Values {
  const { cursor: _cursor, waiting: _waiting, retryAt: _retryAt, ...rest } = values;
  return { ...rest, phase: "done", cancelled, finishedAt: new Date(now).toISOString() };
}

function isWait(next: Values | { wait: string }): next is { wait: string } {
  return "wait" in next;
}

function ignoreOurs(error: unknown): void {
  if (!(error instanceof SyncError)) throw error;
}
