// Decisions on opt-outs, for an auditor: what was seen, the rule, what came of it, and all that in words. Only reads.

import { z } from "zod";
import type { OptOutDecision } from "../flows/optout-ports.js";
import { optOutAttributes, optOutDirections } from "../optout/attributes.js";
import { optOutRules } from "../optout/decide.js";
import { explainDecision } from "../optout/explain.js";
import { type DecisionFilter, decisionResults } from "../storage/decisions.js";
import { isRefusal, type Refusal } from "./answer.js";
import { pageOf, readContinuation } from "./continuation.js";
import { toCsv } from "./csv.js";
import type { ControlPorts } from "./ports.js";
import { route } from "./route.js";
import { continuationText, instant, nothing, recordId } from "./shapes.js";

const side = z.enum(["dynamics", "campaign"]);

/** A decision as the API shows it. `explanation`: all of it in a sentence. */
const decisionSchema = z
  .object({
    id: z.string(),
    at: instant,
    table: z.string(),
    record: z.string(),
    attribute: z.enum(optOutAttributes),
    column: z.string(),
    direction: z.enum(optOutDirections),
    dynamics: z.object({ value: z.boolean(), changedAt: instant.optional(), version: z.string().optional() }),
    campaign: z.object({ value: z.boolean().optional(), changedAt: instant.optional() }),
    remembered: z.object({ dynamics: z.boolean().optional(), campaign: z.boolean().optional() }),
    rule: z.string(),
    wrote: z.object({ side, value: z.boolean() }).optional(),
    result: z.enum(decisionResults),
    cause: z.string(),
    correlationId: z.string(),
    by: z.string().optional(),
    explanation: z.string(),
  })
  .meta({ id: "OptOutDecision" });

const day = z.iso.date({ error: "must be a day, such as 2026-03-01" });
const filterQuery = {
  record: recordId.optional(),
  from: day.optional(),
  to: day.optional(),
  attribute: z.enum(optOutAttributes).optional(),
  rule: z.enum(optOutRules).optional(),
  result: z.enum(decisionResults).optional(),
  continuation: continuationText.optional(),
};

const exportedPerCall = 5_000;
/** Columns of the file, by what is in them. */
const columns: Readonly<Record<string, (decision: OptOutDecision) => string | boolean | undefined>> = {
  at: ({ at }) => at,
  table: ({ table }) => table,
  record: ({ record }) => record,
  attribute: ({ attribute }) => attribute,
  column: ({ column }) => column,
  direction: ({ direction }) => direction,
  dynamics: ({ dynamics }) => dynamics.value,
  dynamicsChangedAt: ({ dynamics }) => dynamics.changedAt,
  dynamicsVersion: ({ dynamics }) => dynamics.version,
  campaign: ({ campaign }) => campaign.value,
  campaignChangedAt: ({ campaign }) => campaign.changedAt,
  rememberedDynamics: ({ remembered }) => remembered.dynamics,
  rememberedCampaign: ({ remembered }) => remembered.campaign,
  rule: ({ rule }) => rule,
  wroteSide: ({ wrote }) => wrote?.side,
  wroteValue: ({ wrote }) => wrote?.value,
  result: ({ result }) => result,
  explanation: explainDecision,
  by: ({ by }) => by,
  cause: ({ cause }) => cause,
  correlationId: ({ correlationId }) => correlationId,
  id: ({ id }) => id,
};

/** The list and the file. */
export const decisionRoutes = [
  route({
    method: "GET",
    path: "/opt-outs/decisions",
    summary: "Decisions on opt-outs, newest first, a page at a time",
    description:
      "`from` and `to` are days in UTC, both included. `true` stands for opted out. Give `continuation` back as it is for the next page; without one in the answer it was the last.",
    params: nothing,
    query: z.strictObject({ ...filterQuery, limit: z.coerce.number().int().min(1).max(500).default(100) }),
    answer: z.object({ decisions: z.array(decisionSchema), continuation: continuationText.optional() }),
    async handle({ ports, query: { limit, ...query } }) {
      const page = await readPage(ports, query, limit);
      if (isRefusal(page)) return page;
      const { decisions, continuation } = page;
      return {
        decisions: decisions.map((decision) => ({ ...decision, explanation: explainDecision(decision) })),
        ...(continuation !== undefined && { continuation }),
      };
    },
  }),
  route({
    method: "GET",
    path: "/opt-outs/decisions/export",
    summary: "Decisions on opt-outs as CSV (RFC 4180), each with its sentence",
    description:
      "At most 5,000 a file, newest first. If there are more, header `x-continuation` says what to give as `continuation` for the next file.",
    params: nothing,
    query: z.strictObject(filterQuery),
    answer: "csv",
    isLong: true,
    async handle({ ports, query }) {
      const page = await readPage(ports, query, exportedPerCall);
      if (isRefusal(page)) return page;
      const rows = page.decisions.map((decision) => Object.values(columns).map((cell) => String(cell(decision) ?? "")));
      return {
        csv: toCsv([Object.keys(columns), ...rows]),
        headers: {
          "content-disposition": 'attachment; filename="opt-out-decisions.csv"',
          ...(page.continuation !== undefined && { "x-continuation": page.continuation }),
        },
      };
    },
  }),
];

async function readPage(
  { decisions }: ControlPorts,
  { continuation, ...filter }: DecisionFilter & { continuation?: string | undefined },
  limit: number,
): Promise<{ decisions: OptOutDecision[]; continuation?: string } | Refusal> {
  const from = readContinuation(continuation, "query.continuation", decisionPlace);
  if ("refused" in from) return from;
  const { items, ...page } = await pageOf(decisions.list(filter, from.after), limit);
  return { ...page, decisions: items.map(({ decision }) => decision) };
}

const decisionPlace = z.tuple([
  z.string().regex(/^day-\d{8}-\d{4}-\d\d-\d\d$/),
  z.string().regex(/^\d{13}-[A-Za-z0-9_-]{1,100}$/),
]);
