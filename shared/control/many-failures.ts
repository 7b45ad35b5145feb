// Redriving and dismissing many failures: in batches, at the pace of the queue, and never for longer than one HTTP call may take. What is left
// comes with a continuation.

import { z } from "zod";
import { mapLimit } from "../flows/map-limit.js";
import type { FailurePlace, FailureRecord } from "../storage/failures.js";
import type { Refusal } from "./answer.js";
import { readContinuation, toContinuation } from "./continuation.js";
import { codeText } from "./failures.js";
import type { ControlPorts } from "./ports.js";
import { redriveAll, redriveRules, type SkipReason, skipReasons, whySkipped } from "./redrive.js";
import { route } from "./route.js";
import { continuationText, nothing, recordId, tableName } from "./shapes.js";

const selectionSchema = z
  .strictObject({
    records: z
      .array(z.strictObject({ table: tableName, id: recordId }))
      .min(1)
      .max(100)
      .optional(),
    filter: z.strictObject({ table: tableName.optional(), errorCode: codeText.optional() }).optional(),
    continuation: continuationText.optional(),
  })
  .refine(({ records, filter }) => (records === undefined) !== (filter === undefined), {
    error: "must name either records or a filter ({} for all open failures)",
  })
  .refine(({ records, continuation }) => records === undefined || continuation === undefined, {
    error: "takes a continuation with a filter only",
  });
type Selection = z.output<typeof selectionSchema>;

const skippedSchema = z.object({ table: z.string(), id: z.string(), why: z.enum(skipReasons) });

const redrivenSchema = z.object({
  queued: z.int(),
  skipped: z.object({ count: z.int(), first: z.array(skippedSchema) }),
  continuation: continuationText.optional(),
});

const dismissedSchema = z.object({ dismissed: z.int(), continuation: continuationText.optional() });

/** A batch is looked at and queued as one. */
const batchSize = 50;
/** No call works for longer, the batch under way and a wait of the store aside. */
const budgetMs = 15_000;
const lookEveryMs = 250;
const skippedShown = 100;
const atOnce = 16;

/** Many at once. */
export const manyFailureRoutes = [
  route({
    method: "POST",
    path: "/failures/redrive",
    summary: "Has many records tried again: those named, or all open failures that a filter finds",
    description:
      "Keeps to the pace of the queue and ends after about 15 seconds. With a `continuation` in the answer there is more: send the same filter with it. Every failure comes up once, however often its record fails again meanwhile.",
    params: nothing,
    query: nothing,
    body: selectionSchema,
    status: 202,
    answer: redrivenSchema,
    isLong: true,
    handle: ({ ports, operator, body }) => redriveMany(ports, body, operator),
  }),
  route({
    method: "POST",
    path: "/failures/dismiss",
    summary: "Takes many open failures out of sight: those named, or all that a filter finds",
    params: nothing,
    query: nothing,
    body: selectionSchema,
    answer: dismissedSchema,
    isLong: true,
    handle: ({ ports, operator, body }) => dismissMany(ports, body, operator),
  }),
];

type Redriven = z.output<typeof redrivenSchema>;

async function redriveMany(ports: ControlPorts, selection: Selection, operator: string): Promise<Redriven | Refusal> {
  const deadline = ports.ingress.clock.now() + budgetMs;
  const rules = await redriveRules(ports);
  const result: Redriven = { queued: 0, skipped: { count: 0, first: [] } };
  const skip = (table: string, id: string, why: SkipReason): void => {
    result.skipped.count += 1;
    if (result.skipped.first.length < skippedShown) result.skipped.first.push({ table, id, why });
  };
  const from = await batches(ports, selection);
  if ("refused" in from) return from;
  for await (const { failures, missing, before } of from.batches) {
    const whys = failures.map((failure) => ({ failure, why: whySkipped(failure, rules) }));
    const wanted = whys.flatMap(({ failure, why }) => (why === undefined ? [failure] : []));
    // Named records are few and wait for nothing.
    const records = wanted.filter(({ flow }) => flow === "ingress").length;
    if (selection.filter && !(await hasRoom(ports, records, deadline))) {
      return { ...result, ...continuationOf(before) };
    }
    for (const { table, id } of missing) skip(table, id, "missing");
    for (const { failure, why } of whys) if (why) skip(failure.table, failure.id, why);
    const until = selection.filter ? deadline : Number.POSITIVE_INFINITY;
    const { gone, left } = await redriveAll(ports, wanted, rules, operator, until);
    for (const { table, id } of gone) skip(table, id, "gone");
    result.queued += wanted.length - gone.length - left.length;
    if (left.length > 0) return { ...result, ...continuationOf(before) };
  }
  return result;
}

async function dismissMany(
  ports: ControlPorts,
  selection: Selection,
  operator: string,
): Promise<z.output<typeof dismissedSchema> | Refusal> {
  const deadline = ports.ingress.clock.now() + budgetMs;
  const from = await batches(ports, selection);
  if ("refused" in from) return from;
  let dismissed = 0;
  for await (const { failures, before } of from.batches) {
    if (ports.ingress.clock.now() >= deadline) return { dismissed, ...continuationOf(before) };
    const open = failures.filter(({ status }) => status === "open");
    const ends = await mapLimit(open, atOnce, ({ table, id }) => ports.failures.dismiss(table, id, operator));
    dismissed += ends.filter((status) => status === "dismissed").length;
  }
  return { dismissed };
}

/** `before`: the place to go on from if this batch is not dealt with; undefined: the start. */
interface Batch {
  failures: FailureRecord[];
  missing: readonly { table: string; id: string }[];
  before: FailurePlace | undefined;
}

async function batches(
  ports: ControlPorts,
  { records, filter = {}, continuation }: Selection,
): Promise<{ batches: AsyncIterable<Batch> } | Refusal> {
  const from = readContinuation(continuation, "body.continuation");
  if ("refused" in from) return from;
  if (records) return { batches: named(ports, records) };
  return { batches: found(ports, { ...filter }, from.after) };
}

async function* named(ports: ControlPorts, records: NonNullable<Selection["records"]>): AsyncGenerator<Batch> {
  const once = [...new Map(records.map((record) => [`${record.table}/${record.id}`, record])).values()];
  const read = await mapLimit(once, atOnce, async (record) => ({
    record,
    failure: await ports.failures.read(record.table, record.id),
  }));
  yield {
    failures: read.flatMap(({ failure }) => (failure ? [failure] : [])),
    missing: read.filter(({ failure }) => !failure).map(({ record }) => record),
    before: undefined,
  };
}

async function* found(
  { failures }: ControlPorts,
  { table, errorCode: code }: NonNullable<Selection["filter"]>,
  after: FailurePlace | undefined,
): AsyncGenerator<Batch> {
  let batch: Batch = { failures: [], missing: [], before: after };
  for await (const { place, failure } of failures.listFrom({ status: "open", table, code }, after)) {
    batch.failures.push(failure);
    if (batch.failures.length < batchSize) continue;
    yield batch;
    batch = { failures: [], missing: [], before: place };
  }
  if (batch.failures.length > 0) yield batch;
}

/** Waits until the queue has room for a batch, so that live changes keep their latency; false: the deadline came first. */
async function hasRoom({ ingress, maxDepth }: ControlPorts, batch: number, deadline: number): Promise<boolean> {
  while (ingress.clock.now() < deadline) {
    if (batch === 0) return true;
    const depths = await ingress.queue.depths(maxDepth);
    const waiting = [...depths.values()].reduce((sum, depth) => sum + depth, 0);
    if (waiting < maxDepth) return true;
    await ingress.clock.sleep(lookEveryMs);
  }
  return false;
}

/** A batch that was not dealt with at the start of the list: it goes on where the list begins. */
function continuationOf(before: FailurePlace | undefined): { continuation: string } {
  return { continuation: toContinuation(before ?? startOfList) };
}

/** Comes before every failure. */
const startOfList: FailurePlace = { partition: "ingress-0", row: "00000000-0000-0000-0000-000000000000" };
