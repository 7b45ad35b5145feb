// Failures one by one and as lists: look, redrive, dismiss, reopen, export. Many at once: many-failures.ts.

import { z } from "zod";
import type { FailureRecord } from "../storage/failures.js";
import { isRefusal, type Refusal, refuse } from "./answer.js";
import { pageOf, readContinuation } from "./continuation.js";
import { toCsv } from "./csv.js";
import { failureSchema, failureStatuses, toFailureView } from "./failure-view.js";
import type { ControlPorts } from "./ports.js";
import { markFailing, redriveAll, redriveRules, type SkipReason, skipReasons, whySkipped } from "./redrive.js";
import { route } from "./route.js";
import { continuationText, nothing, recordParams, tableName } from "./shapes.js";

/** Longest code of a vendor that a filter takes. */
export const codeText = z.string().min(1).max(200);

const filterQuery = {
  status: z.enum(failureStatuses).optional(),
  table: tableName.optional(),
  errorCode: codeText.optional(),
  continuation: continuationText.optional(),
};

const exportedPerCall = 5_000;
const columns = [
  "table",
  "id",
  "status",
  "reason",
  "code",
  "message",
  "attempts",
  "reports",
  "cause",
  "firstAt",
  "lastAt",
  "redrivenAt",
  "resolvedAt",
  "dismissedAt",
  "by",
  "correlationId",
] as const;

/** Lists and single failures. */
export const failureRoutes = [
  route({
    method: "GET",
    path: "/failures",
    summary: "Failures, a page at a time",
    description: "Give `continuation` back as it is for the next page; without one in the answer it was the last.",
    params: nothing,
    query: z.strictObject({ ...filterQuery, limit: z.coerce.number().int().min(1).max(500).default(100) }),
    answer: z.object({ failures: z.array(failureSchema), continuation: continuationText.optional() }),
    async handle({ ports, query }) {
      const page = await readPage(ports, query, query.limit);
      if (isRefusal(page)) return page;
      const { failures, continuation } = page;
      return { failures: failures.map(toFailureView), ...(continuation !== undefined && { continuation }) };
    },
  }),
  route({
    method: "GET",
    path: "/failures/export",
    summary: "Failures as CSV (RFC 4180): ids, codes and messages",
    description:
      "At most 5,000 a file. If there are more, header `x-continuation` says what to give as `continuation` for the next file.",
    params: nothing,
    query: z.strictObject(filterQuery),
    answer: "csv",
    isLong: true,
    async handle({ ports, query }) {
      const page = await readPage(ports, query, exportedPerCall);
      if (isRefusal(page)) return page;
      const rows = page.failures.map((failure) => columns.map((column) => failure[column] ?? ""));
      return {
        csv: toCsv([columns, ...rows]),
        headers: {
          "content-disposition": 'attachment; filename="failures.csv"',
          ...(page.continuation !== undefined && { "x-continuation": page.continuation }),
        },
      };
    },
  }),
  route({
    method: "GET",
    path: "/failures/{table}/{id}",
    summary: "The failure of one record",
    params: recordParams,
    query: nothing,
    answer: failureSchema,
    refusals: [404],
    async handle({ ports, params: { table, id } }) {
      const failure = await ports.failures.read(table, id);
      return failure ? toFailureView(failure) : noFailure();
    },
  }),
  route({
    method: "POST",
    path: "/failures/{table}/{id}/redrive",
    summary: "Has one record tried again, with a fresh read",
    description:
      "The failure stays open, marked `redrivenAt`, until the record's next success resolves it. One that is resolved already is left alone. An e-mail event is tried before the answer comes: its `status` tells.",
    params: recordParams,
    query: nothing,
    body: nothing,
    status: 202,
    answer: z.object({ queued: z.boolean(), skipped: z.enum(skipReasons).optional(), failure: failureSchema }),
    refusals: [404, 409],
    async handle({ ports, operator, params: { table, id } }) {
      const failure = await ports.failures.read(table, id);
      if (!failure) return noFailure();
      const rules = await redriveRules(ports);
      const skipped = whySkipped(failure, rules);
      if (skipped === "resolved") return { queued: false, skipped, failure: toFailureView(failure) };
      if (skipped) return refuse(409, skipped, whyNot[skipped]);
      const { gone } = await redriveAll(ports, [failure], rules, operator);
      if (gone.length > 0) return refuse(409, "gone", whyNot.gone);
      return { queued: true, failure: toFailureView((await ports.failures.read(table, id)) ?? failure) };
    },
  }),
  route({
    method: "POST",
    path: "/failures/{table}/{id}/dismiss",
    summary: "Takes an open failure out of sight; the record itself is not touched",
    params: recordParams,
    query: nothing,
    body: nothing,
    answer: failureSchema,
    refusals: [404],
    async handle({ ports, operator, params: { table, id } }) {
      await ports.failures.dismiss(table, id, operator);
      const failure = await ports.failures.read(table, id);
      return failure ? toFailureView(failure) : noFailure();
    },
  }),
  route({
    method: "POST",
    path: "/failures/{table}/{id}/reopen",
    summary: "Opens a dismissed failure again",
    params: recordParams,
    query: nothing,
    body: nothing,
    answer: failureSchema,
    refusals: [404, 409],
    async handle({ ports, operator, params: { table, id } }) {
      const status = await ports.failures.reopen(table, id, operator);
      if (status === undefined) return noFailure();
      if (status === "resolved") return refuse(409, "resolved", "the record has been written since: nothing is open");
      const failure = await ports.failures.read(table, id);
      if (!failure) return noFailure();
      const { settings } = await redriveRules(ports);
      if (failure.flow === "ingress" && toFailureView(failure).canRedrive)
        await markFailing(ports, failure.table, failure.id, settings);
      return toFailureView(failure);
    },
  }),
];

/** Why a single failure is not redriven, and what to do. */
const whyNot: Readonly<Record<SkipReason, string>> = {
  unreadable: "nobody could read this message, so no record is known to try again: it can only be dismissed",
  "not-mapped": "the settings in force map no such table: publish a mapping of it, or dismiss the failure",
  parked: "the table is set aside: take it up again first",
  resolved: "the record has been written since",
  dismissed: "the failure was dismissed: reopen it first",
  missing: "there is no failure of this record",
  off: "this type of event is switched off: name it in EGRESS_TYPES, or dismiss the failure",
  stopped: "egress is stopped: start it first",
  gone: "Campaign does not show the event's row as it was any more. If it was purged or came from a file that was read, it can be staged once more or the file put back; if the row has changed, the next run tries it by itself. Otherwise dismiss the failure",
};

function noFailure(): Refusal {
  return refuse(404, "missing", whyNot.missing);
}

interface PageQuery {
  status?: FailureRecord["status"] | undefined;
  table?: string | undefined;
  errorCode?: string | undefined;
  continuation?: string | undefined;
}

async function readPage(
  { failures }: ControlPorts,
  { status, table, errorCode: code, continuation }: PageQuery,
  limit: number,
): Promise<{ failures: FailureRecord[]; continuation?: string } | Refusal> {
  const from = readContinuation(continuation, "query.continuation");
  if ("refused" in from) return from;
  const { items, ...page } = await pageOf(failures.listFrom({ status, table, code }, from.after), limit);
  return { ...page, failures: items.map(({ failure }) => failure) };
}
