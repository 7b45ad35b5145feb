// One activity as a change set of a batch, and what an answer to it means: written, refused for good, or to be looked at again. Pure. What is done about
// it is activities.ts.

import {
  ConflictError,
  MalformedError,
  MissingError,
  RefusedError,
  type SyncError,
  TableError,
  ThrottledError,
  UnavailableError,
} from "../errors.js";
import type { ActivityResult, NewActivity } from "../flows/egress-ports.js";
import { parseRetryAfter } from "../http/retry-timing.js";
import { activityRow, completion, taskRow } from "./activity-rows.js";
import type { ActivityTables } from "./activity-tables.js";
import type { AnswerPart, BatchAnswer, BatchRequest } from "./batch.js";
import { toDataverseError } from "./to-error.js";

/** The row is there already, by its id (facts/dataverse.md §13). */
const duplicateId = "0x80040237";
/** The body names a column or lookup that the table does not have: no event is to blame. */
const payloadError = "0x80048d19";

/** What became of one change set. `undecided`: neither carried out nor refused for good; `error` says why. */
export type Verdict = ActivityResult | { outcome: "undecided"; error: SyncError };

/** The change set of one activity: made, completed, and the task. Its URLs name the row by its id, which we give. */
export function requestsOf(
  activity: NewActivity,
  tables: ActivityTables,
  { tag, zone, root }: { tag: string; zone: string; root: URL },
): BatchRequest[] {
  const table = tables[activity.event.type];
  const tagged = (path: string): string => `${root.pathname}${path}?tag=${encodeURIComponent(tag)}`;
  const requests: BatchRequest[] = [
    { method: "POST", url: tagged(table.set), body: JSON.stringify(activityRow(activity, table)) },
    {
      method: "PATCH",
      url: tagged(`${table.set}(${activity.id})`),
      headers: { "If-Match": "*" },
      body: JSON.stringify(completion(activity.event)),
    },
  ];
  if (!activity.task) return requests;
  const task = taskRow(activity, activity.task.id, zone);
  return [...requests, { method: "POST", url: tagged("tasks"), body: JSON.stringify(task) }];
}

/** How many operations its change set has. */
export function operationsOf({ task }: NewActivity): number {
  return task ? 3 : 2;
}

/** What the answer to a change set of `expected` requests means. Throws what is nobody's fault but the peer's, or that of the settings. */
export function verdictOf(answer: AnswerPart, expected: number, now: number): Verdict {
  const failed = failureIn(answer, expected);
  return failed ? judge(toError(failed, now)) : { outcome: "written" };
}

/**
 * Why a change set was not carried out; undefined when it was. A failed one comes as one answer, alone (OData's rule) or inside a change set (as Dataverse
 * has been seen to answer).
 */
function failureIn(answer: AnswerPart, expected: number): BatchAnswer | undefined {
  const parts = "changeSet" in answer ? answer.changeSet : [answer];
  const failed = parts.find(({ status }) => status < 200 || status >= 300);
  if (failed) return failed;
  if ("changeSet" in answer && parts.length === expected) return undefined;
  throw new MalformedError("Dataverse's answer to a change set is not whole");
}

/** As if the part had been a request of its own. */
function toError(answer: BatchAnswer, now: number): SyncError {
  const operation = "write activity";
  const error = toDataverseError(operation, { ...answer, attempts: 1, elapsedMs: 0, mayEcho: false });
  if (answer.status !== 429) return error;
  const waitMs = parseRetryAfter(answer.headers["retry-after"], now) ?? 1_000;
  return new ThrottledError("Dataverse asks us to slow down inside a batch", waitMs, error.context);
}

/** What a failed change set means for its activity. Throws as `verdictOf` does. */
export function judge(error: SyncError): Verdict {
  const code = String(error.context.code ?? "");
  const isDuplicate = error instanceof ConflictError && code === duplicateId;
  // An error of its own making may be this row's; a gateway's is not.
  const isInternal = error instanceof UnavailableError && error.context.status === 500;
  if (isDuplicate || isInternal) return { outcome: "undecided", error };
  if (error instanceof RefusedError && code === payloadError) {
    throw new TableError(`${error.message} Do the activity tables have these columns?`, code, error.context);
  }
  if (error instanceof RefusedError || error instanceof MissingError || error instanceof ConflictError) {
    return { outcome: "refused", code, message: error.message };
  }
  throw error;
}
