// What a dry run would have done: counts, lists, a file; and starting over. Nothing of it is there while DRY_RUN is off.

import { z } from "zod";
import { countOutcomes } from "../flows/dry-count.js";
import type { DryEntry, DryFilter, DryRun } from "../flows/dry-run-ports.js";
import { dryOutcomes, drySides } from "../model/dry-note.js";
import { isRefusal, type Refusal, refuse } from "./answer.js";
import { pageOf, readContinuation } from "./continuation.js";
import { toCsv } from "./csv.js";
import type { ControlPorts } from "./ports.js";
import { route } from "./route.js";
import { continuationText, instant, nothing } from "./shapes.js";

const countSchema = z.object({
  system: z.enum(drySides),
  table: z.string(),
  outcome: z.enum(dryOutcomes),
  records: z.int(),
});

/** A record with what would have become of it. `fields`: those that would be other than before. */
const recordSchema = z
  .object({
    system: z.enum(drySides),
    table: z.string(),
    id: z.string(),
    outcome: z.enum(dryOutcomes),
    fields: z.array(z.string()),
    reason: z.string().optional(),
    at: instant,
  })
  .meta({ id: "DryRunRecord" });

const filterQuery = {
  system: z.enum(drySides).optional(),
  table: z.string().min(1).max(128).optional(),
  outcome: z.enum(dryOutcomes).optional(),
  continuation: continuationText.optional(),
};

/** So long the records are counted; then the answer says that there may be more. */
const countMs = 15_000;
const exportedPerCall = 5_000;

/** All routes of a dry run. */
export const dryRunRoutes = [
  route({
    method: "GET",
    path: "/dry-run",
    summary: "What this dry run would have done so far, by system, table and outcome",
    description:
      "409 while `DRY_RUN` is off. Each record counts once, as what all its writes come to. Counting stops after 15 seconds and then says `orMore`.",
    params: nothing,
    query: nothing,
    answer: z.object({
      number: z.int(),
      startedAt: instant,
      counts: z.array(countSchema),
      records: z.int(),
      orMore: z.boolean(),
    }),
    refusals: [409],
    isLong: true,
    async handle({ ports }) {
      const run = dryRunOf(ports);
      if (isRefusal(run)) return run;
      const { clock } = ports.ingress;
      return { ...(await run.info()), ...(await countOutcomes(run, clock, clock.now() + countMs)) };
    },
  }),
  route({
    method: "GET",
    path: "/dry-run/records",
    summary: "Records that a dry run has looked at, with what would have become of them, a page at a time",
    description:
      "`system` is where it would have been written. Names of fields only, no values. Give `continuation` back as it is for the next page; without one in the answer it was the last.",
    params: nothing,
    query: z.strictObject({ ...filterQuery, limit: z.coerce.number().int().min(1).max(500).default(100) }),
    answer: z.object({ records: z.array(recordSchema), continuation: continuationText.optional() }),
    refusals: [409],
    handle: ({ ports, query: { limit, ...query } }) => readPage(ports, query, limit),
  }),
  route({
    method: "GET",
    path: "/dry-run/export",
    summary: "The same as CSV (RFC 4180)",
    description:
      "At most 5,000 a file. If there are more, header `x-continuation` says what to give as `continuation` for the next file.",
    params: nothing,
    query: z.strictObject(filterQuery),
    answer: "csv",
    refusals: [409],
    isLong: true,
    async handle({ ports, query }) {
      const page = await readPage(ports, query, exportedPerCall);
      if (isRefusal(page)) return page;
      const rows = page.records.map(({ system, table, id, outcome, fields, reason = "", at }) => [
        ...[system, table, id, outcome],
        ...[fields.join(" "), reason, at],
      ]);
      return {
        csv: toCsv([["system", "table", "id", "outcome", "fields", "reason", "at"], ...rows]),
        headers: {
          "content-disposition": 'attachment; filename="dry-run.csv"',
          ...(page.continuation !== undefined && { "x-continuation": page.continuation }),
        },
      };
    },
  }),
  route({
    method: "DELETE",
    path: "/dry-run",
    summary: "Forgets what this dry run has found out, and begins a new one from the real state as it is now",
    params: nothing,
    query: nothing,
    answer: z.object({ number: z.int() }),
    refusals: [409],
    async handle({ ports }) {
      const run = dryRunOf(ports);
      return isRefusal(run) ? run : { number: await run.startOver() };
    },
  }),
];

function dryRunOf({ dryRun }: ControlPorts): DryRun | Refusal {
  return dryRun ?? refuse(409, "no-dry-run", "this is no dry run: the setting DRY_RUN is off");
}

async function readPage(
  ports: ControlPorts,
  {
    continuation,
    system,
    ...filter
  }: Omit<DryFilter, "side"> & {
    system?: DryFilter["side"];
    continuation?: string | undefined;
  },
  limit: number,
): Promise<{ records: z.output<typeof recordSchema>[]; continuation?: string } | Refusal> {
  const run = dryRunOf(ports);
  if (isRefusal(run)) return run;
  const from = readContinuation(continuation, "query.continuation", notePlace);
  if ("refused" in from) return from;
  const { items, ...page } = await pageOf(run.list({ ...filter, side: system }, from.after), limit);
  return { ...page, records: items.map(toRecord) };
}

function toRecord({ side, table, id, note: { outcome, fields, reason, at } }: DryEntry): z.output<typeof recordSchema> {
  return { system: side, table, id, outcome, fields: [...fields], at, ...(reason !== undefined && { reason }) };
}

const notePlace = z.tuple([z.string().regex(/^(campaign|dynamics)-[A-Za-z0-9_-]{1,200}$/), z.guid()]);
