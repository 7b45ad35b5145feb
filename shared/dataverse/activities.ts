// E-mail events on the timelines of Dynamics (design.md §4): what became of contacts, which activities exist, and writing activities in batches of change
// sets. Implements the port ActivitySink. What the rows look like is activity-rows.ts, where they go activity-tables.ts, how many at once pace.ts.

import { z } from "zod";
import {
  ConflictError,
  MalformedError,
  MissingError,
  RefusedError,
  type SyncError,
  UnavailableError,
} from "../errors.js";
import type { ActivityResult, ActivitySink, ContactFate, NewActivity } from "../flows/egress-ports.js";
import type { HttpResponse } from "../http/client.js";
import { parseJson } from "../http/json.js";
import type { Clock } from "../model/clock.js";
import { parseRecordId, type RecordId } from "../model/ids.js";
import { judge, operationsOf, requestsOf, type Verdict, verdictOf } from "./activity-change-set.js";
import type { ActivityTables } from "./activity-tables.js";
import { readBatch, writeBatch } from "./batch.js";
import type { DataverseCall, DataverseClient } from "./client.js";
import { lastMaster, masterColumns, mergedRowSchema, readMasters } from "./masters.js";
import { readRecordId } from "./named-records.js";
import { makePace, runAll } from "./pace.js";

/**
 * `tag` marks our writes for our own webhooks. `zone` (IANA) is the one whose day a task is due. `newId` parts batches. `batchOperations`: creating, completing
 * and the task count one each. `most`: requests at once, whatever the servers recommend.
 */
export interface ActivitySinkOptions {
  tag: string;
  newId: () => string;
  clock: Clock;
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
const defaultMost = 40;

const contactSchema = mergedRowSchema("contactid");
const idSchema = z.object({ activityid: z.string() });

/**
 * Makes the sink of one environment. Change sets and not CreateMultiple: that one is all or nothing over all its rows, names no row that failed, and cannot
 * complete what it makes (facts/dataverse.md §6.2).
 */
export function makeActivitySink(
  client: DataverseClient,
  tables: ActivityTables,
  { tag, newId, clock, zone = "UTC", batchOperations = defaultOperations, most = defaultMost }: ActivitySinkOptions,
): ActivitySink {
  const pace = makePace({ clock, first: firstParallel, most });

  /** What still waits when another call has failed for good is never sent. Said here, before the next in line gets its turn. */
  const call = async (request: DataverseCall, stop: AbortController): Promise<HttpResponse> => {
    let began = 0;
    const response = await pace.run(async () => {
      stop.signal.throwIfAborted();
      began = clock.now();
      try {
        return await client.call(request);
      } catch (error) {
        if (!isRefusal(error)) stop.abort(error);
        throw error;
      }
    });
    pace.note(response.headers, response.attempts === 1 ? began : undefined);
    return response;
  };

  const readByIds = async <T>(what: Named, ids: readonly string[], row: z.ZodType<T>): Promise<T[]> =>
    runAll(
      chunks([...new Set(ids)], idsPerRead, () => 1),
      async (some, stop) => {
        const operation = `look for ${what.set}`;
        const { text } = await call({ operation, path: pathOf(what, some) }, stop);
        const page = z
          .object({ value: z.array(row), "@odata.nextLink": z.undefined().optional() })
          .safeParse(parseJson(text));
        if (page.success) return page.data.value;
        throw new MalformedError(`Dataverse's answer to ${operation} is not the list that was asked for`);
      },
    );

  const readExisting = async (set: string, ids: readonly RecordId[]): Promise<ReadonlySet<RecordId>> =>
    new Set(
      (await readByIds({ set, id: "activityid" }, ids, idSchema)).map(({ activityid }) => parseRecordId(activityid)),
    );

  /** Writes some in one request. When the whole request is refused, its halves are tried, until it is clear which one is to blame. */
  const writeSome = async (some: readonly NewActivity[], stop: AbortController): Promise<Verdict[]> => {
    try {
      return await send(some, stop);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (some.length === 1) return [judge(error)];
      const half = Math.ceil(some.length / 2);
      return [...(await writeSome(some.slice(0, half), stop)), ...(await writeSome(some.slice(half), stop))];
    }
  };

  const send = async (some: readonly NewActivity[], stop: AbortController): Promise<Verdict[]> => {
    const changeSets = some.map((activity) => requestsOf(activity, tables, { tag, zone, root: client.root }));
    const { contentType, body } = writeBatch(
      changeSets.map((changeSet) => ({ changeSet })),
      newId(),
    );
    const response = await call(
      {
        operation: "write activities",
        method: "POST",
        path: "$batch",
        prefer: ["odata.continue-on-error"],
        headers: { "content-type": contentType, accept: "multipart/mixed" },
        body,
      },
      stop,
    );
    const answers = readBatch(response.headers["content-type"], response.text);
    if (answers.length !== some.length) {
      throw new MalformedError(`Dataverse answered ${answers.length} of ${some.length} change sets`);
    }
    return answers.map((answer, index) => verdictOf(answer, changeSets[index]?.length ?? 0, clock.now()));
  };

  const writeAll = (activities: readonly NewActivity[]): Promise<Verdict[]> =>
    runAll(chunks(activities, batchOperations, operationsOf), writeSome);

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
      const what = { set: "contacts", id: "contactid", select: `contactid,${masterColumns}` };
      const rows = await readMasters(
        [...ids.values()].filter((id) => id !== undefined),
        (some) => readByIds(what, some, contactSchema),
      );
      return new Map([...ids].map(([key, id]) => [key, fateOf(id, rows)]));
    },

    existing(type, ids) {
      return readExisting(tables[type].set, ids);
    },

    async write(activities) {
      const first = await writeAll(activities);
      const undecided = activities.filter((_, index) => first[index]?.outcome === "undecided");
      if (undecided.length === 0) return first.map(settled);
      // With nothing decided there is no telling a poisoned event from a peer that is unwell.
      const [one] = first;
      if (one && isUnwell(one) && first.every(isUnwell)) throw one.error;

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

/** Dynamics understood, and said no. */
function isRefusal(error: unknown): error is SyncError {
  return error instanceof RefusedError || error instanceof MissingError || error instanceof ConflictError;
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
  const last = lastMaster(id, rows);
  return last === id ? { state: "here", id } : { state: "merged", id: last };
}

/** Rows to read by the ids in column `id`. */
interface Named {
  set: string;
  id: string;
  select?: string;
}

function pathOf({ set, id, select = id }: Named, ids: readonly string[]): string {
  const filter = `Microsoft.Dynamics.CRM.In(PropertyName='${id}',PropertyValues=${JSON.stringify(ids)})`;
  return `${set}?$select=${select}&$filter=${encodeURIComponent(filter)}`;
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
