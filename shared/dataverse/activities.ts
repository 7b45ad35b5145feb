// E-mail events on the timelines of Dynamics (design.md §4): what became of contacts, which activities exist, and writing activities in batches of change
// sets. Implements the port ActivitySink. What the rows look like is activity-rows.ts, where they go activity-tables.ts, how many at once pace.ts.

import { z } from "zod";
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
import type { ActivityResult, ActivitySink, ContactFate, NewActivity } from "../flows/egress-ports.js";
import { parseJson } from "../http/json.js";
import { parseRetryAfter } from "../http/retry-timing.js";
import type { EventType } from "../model/email-event.js";
import { parseRecordId, type RecordId } from "../model/ids.js";
import { activityRow, completion, taskRow } from "./activity-rows.js";
import type { ActivityTables } from "./activity-tables.js";
import { type AnswerPart, type BatchAnswer, type BatchRequest, readBatch, writeBatch } from "./batch.js";
import type { DataverseClient } from "./client.js";
import { readRecordId } from "./named-records.js";
import { makePace } from "./pace.js";
import { toDataverseError } from "./to-error.js";

/**
 * `tag` marks our writes for our own webhooks. `zone` (IANA) is the one whose day a task is due. `newId` parts batches. `batchOperations`: creating, completing
 * and the task count one each. `most`: requests at once, whatever the servers recommend.
 */
export interface ActivitySinkOptions {
  tag: string;
  newId: () => string;
  now: () => number;
  zone?: string;
  batchOperations?: number;
  most?: number;
}

/** Keeps URLs below 32,768 characters (facts/dataverse.md §3). */
const idsPerRead = 250;
/**
 * Few requests against short ones: a hundred operations stay far below the time-out of one request, and a whole page needs few of them. The limit is
 * 1,000 (facts/dataverse.md §6.3).
 */
const defaultOperations = 100;
/** Until the servers have said what they recommend. */
const firstParallel = 4;
const defaultMost = 16;
/** A merged contact's master may be merged in turn; nobody merges this often. */
const longestChain = 16;

/** The row is there already, by its id (facts/dataverse.md §13). */
const duplicateId = "0x80040237";
/** The body names a column or lookup that the table does not have: no event is to blame. */
const payloadError = "0x80048d19";

const contactSchema = z.object({
  contactid: z.string(),
  merged: z.boolean().nullish(),
  _masterid_value: z.string().nullish(),
});
const idSchema = z.object({ activityid: z.string() });

/** What became of one change set. `undecided`: neither carried out nor refused for good; `error` says why. */
type Verdict = ActivityResult | { outcome: "undecided"; error: SyncError };

/** Makes the sink of one environment. */
export function makeActivitySink(
  client: DataverseClient,
  tables: ActivityTables,
  { tag, newId, now, zone = "UTC", batchOperations = defaultOperations, most = defaultMost }: ActivitySinkOptions,
): ActivitySink {
  const pace = makePace({ first: firstParallel, most });

  const list = async <T>(operation: string, path: string, item: z.ZodType<T>): Promise<T[]> => {
    const { text, headers } = await pace.run(() => client.call({ operation, path }));
    pace.note(headers);
    const page = z.object({ value: z.array(item), "@odata.nextLink": z.undefined() }).safeParse(parseJson(text));
    if (page.success) return page.data.value;
    throw new MalformedError(`Dataverse's answer to ${operation} is no list of ids`);
  };

  const readByIds = async <T>(
    { set, id, select = id }: { set: string; id: string; select?: string },
    ids: readonly string[],
    item: z.ZodType<T>,
  ): Promise<T[]> => {
    const read = (some: readonly string[]): Promise<T[]> => {
      const filter = `Microsoft.Dynamics.CRM.In(PropertyName='${id}',PropertyValues=${JSON.stringify(some)})`;
      return list(`look for ${set}`, `${set}?$select=${select}&$filter=${encodeURIComponent(filter)}`, item);
    };
    return (await allSettled(chunks([...new Set(ids)], idsPerRead, () => 1).map(read))).flat();
  };

  const readExisting = async (set: string, ids: readonly RecordId[]): Promise<ReadonlySet<RecordId>> =>
    new Set(
      (await readByIds({ set, id: "activityid" }, ids, idSchema)).map(({ activityid }) => parseRecordId(activityid)),
    );

  /** Writes some in one request. When the whole request is refused, its halves are tried, until it is clear which one is to blame. */
  const writeBatchOf = async (some: readonly NewActivity[]): Promise<Verdict[]> => {
    try {
      return await send(some);
    } catch (error) {
      const isRefusal =
        error instanceof RefusedError || error instanceof MissingError || error instanceof ConflictError;
      if (!isRefusal) throw error;
      if (some.length === 1) return [judge(error)];
      const half = Math.ceil(some.length / 2);
      return [...(await writeBatchOf(some.slice(0, half))), ...(await writeBatchOf(some.slice(half)))];
    }
  };

  const send = async (some: readonly NewActivity[]): Promise<Verdict[]> => {
    const changeSets = some.map((activity) => requestsOf(activity, tables, { tag, zone, root: client.root }));
    const { contentType, body } = writeBatch(
      changeSets.map((changeSet) => ({ changeSet })),
      newId(),
    );
    const response = await pace.run(() =>
      client.call({
        operation: "write activities",
        method: "POST",
        path: "$batch",
        prefer: ["odata.continue-on-error"],
        headers: { "content-type": contentType, accept: "multipart/mixed" },
        body,
      }),
    );
    pace.note(response.headers);
    const answers = readBatch(response.headers["content-type"], response.text);
    if (answers.length !== some.length) {
      throw new MalformedError(`Dataverse answered ${answers.length} of ${some.length} change sets`);
    }
    return answers.map((answer, index) => {
      const failed = failureIn(answer, changeSets[index]?.length ?? 0);
      return failed ? judge(toError(failed, now())) : { outcome: "written" };
    });
  };

  const writeAll = async (activities: readonly NewActivity[]): Promise<Verdict[]> => {
    const batches = chunks(activities, batchOperations, operationsOf);
    return (await allSettled(batches.map((batch) => writeBatchOf(batch)))).flat();
  };

  /** Which of these exist, whatever their type. */
  const existingOf = async (activities: readonly NewActivity[]): Promise<ReadonlySet<RecordId>> => {
    const found: RecordId[] = [];
    for (const type of new Set(activities.map(({ event }) => event.type))) {
      const ids = activities.filter(({ event }) => event.type === type).map(({ id }) => id);
      found.push(...(await readExisting(tables[type].set, ids)));
    }
    return new Set(found);
  };

  /** Those again, without tasks that are there already: somebody may have deleted the activity and kept its task. */
  const withoutTasksThere = async (activities: readonly NewActivity[]): Promise<NewActivity[]> => {
    const ids = activities.flatMap(({ task }) => (task ? [task.id] : []));
    const there = await readExisting("tasks", ids);
    return activities.map((activity) => {
      if (!activity.task || !there.has(activity.task.id)) return activity;
      const { task: _there, ...rest } = activity;
      return rest;
    });
  };

  return {
    async contacts(keys) {
      const ids = new Map(keys.map((key) => [key, readRecordId(key)]));
      const rows = new Map<RecordId, RecordId | undefined>();
      let wanted = [...ids.values()].filter((id) => id !== undefined);
      for (let hop = 0; wanted.length > 0 && hop <= longestChain; hop += 1) {
        const what = { set: "contacts", id: "contactid", select: "contactid,merged,_masterid_value" };
        const found = await readByIds(what, wanted, contactSchema);
        for (const { contactid, merged, _masterid_value: master } of found) {
          rows.set(parseRecordId(contactid), merged && master ? parseRecordId(master) : undefined);
        }
        const masters = found.flatMap(({ contactid }) => rows.get(parseRecordId(contactid)) ?? []);
        wanted = masters.filter((id) => !rows.has(id));
      }
      return new Map([...ids].map(([key, id]) => [key, fateOf(id, rows)]));
    },

    existing(type: EventType, ids) {
      return readExisting(tables[type].set, ids);
    },

    async write(activities) {
      const first = await writeAll(activities);
      const undecided = activities.filter((_, index) => first[index]?.outcome === "undecided");
      if (undecided.length === 0) return first.map(settled);
      // With nothing carried out there is no telling a poisoned event from a peer that is unwell.
      const some = first.find((verdict) => verdict.outcome === "undecided");
      if (undecided.length === activities.length && some && isUnwell(some)) throw some.error;

      const there = await existingOf(undecided);
      const again = await withoutTasksThere(undecided.filter(({ id }) => !there.has(id)));
      const second = new Map((await writeAll(again)).map((verdict, index) => [again[index]?.id, verdict]));
      return activities.map(({ id }, index) => {
        const before = first[index];
        if (before?.outcome !== "undecided") return settled(before);
        return there.has(id) ? { outcome: "existed" } : settled(second.get(id));
      });
    },
  };
}

/** The change set of one activity: made, completed, and the task. Its URLs name the row by its id, which we give. */
function requestsOf(
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

function operationsOf({ task }: NewActivity): number {
  return task ? 3 : 2;
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

/** What a failed change set means for its activity. Throws what is nobody's fault but the peer's, or that of the settings. */
function judge(error: SyncError): Verdict {
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

function isUnwell(verdict: Verdict): verdict is { outcome: "undecided"; error: SyncError } {
  return verdict.outcome === "undecided" && verdict.error instanceof UnavailableError;
}

/** What is undecided the second time is refused: others were carried out beside it. */
function settled(verdict: Verdict | undefined): ActivityResult {
  if (!verdict) throw new Error("an activity has no verdict");
  if (verdict.outcome !== "undecided") return verdict;
  return { outcome: "refused", code: String(verdict.error.context.code ?? ""), message: verdict.error.message };
}

function fateOf(id: RecordId | undefined, rows: ReadonlyMap<RecordId, RecordId | undefined>): ContactFate {
  if (id === undefined || !rows.has(id)) return { state: "gone" };
  let last = id;
  for (let hop = 0; hop < longestChain; hop += 1) {
    const master = rows.get(last);
    if (master === undefined) break;
    if (!rows.has(master)) return { state: "gone" };
    last = master;
  }
  return last === id ? { state: "here", id } : { state: "merged", id: last };
}

/** Consecutive groups whose weights stay within `limit`; an item that is heavier has one for itself. */
function chunks<T>(items: readonly T[], limit: number, weigh: (item: T) => number): T[][] {
  const groups: T[][] = [];
  let weight = Number.POSITIVE_INFINITY;
  for (const item of items) {
    weight += weigh(item);
    if (weight > limit) {
      groups.push([]);
      weight = weigh(item);
    }
    groups.at(-1)?.push(item);
  }
  return groups;
}

/**
 * Runs all side by side. After the first error none is begun any more, and it is thrown once none is under way: nothing goes on behind the caller's back.
 */
async function runAll<In, Out>(
  items: readonly In[],
  run: (item: In, signal: AbortSignal) => Promise<Out[]>,
): Promise<Out[]> {
  const stop = new AbortController();
  const outcomes = await Promise.allSettled(
    items.map(async (item) => {
      try {
        return await run(item, stop.signal);
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    }),
  );
  stop.signal.throwIfAborted();
  return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? outcome.value : []));
}
