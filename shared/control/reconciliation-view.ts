// A reconciliation of opt-outs, its list and the orders on it, as the API shows them. What is asked and answered is reconciliation.ts.

import { z } from "zod";
import { maxIdsPerRead } from "../flows/ports.js";
import type { ReconcilePace } from "../flows/reconcile-opt-outs.js";
import { type Reconciliation, reconciliationPhases, reconciliationSums } from "../flows/reconcile-order.js";
import { differenceKinds, type OptOutDifference } from "../flows/reconcile-ports.js";
import { type Words, wordActions } from "../flows/reconcile-words.js";
import { optOutAttributes, optOutDirections } from "../optout/attributes.js";
import { optOutRules } from "../optout/decide.js";
import { explainDecision } from "../optout/explain.js";
import { instant } from "./shapes.js";

const attribute = z.enum(optOutAttributes);
const kind = z.enum(differenceKinds);
const direction = z.enum(optOutDirections);

/** An order to act on a list, as the API shows it. */
export const wordsSchema = z
  .object({
    number: z.int(),
    run: z.int(),
    action: z.enum(wordActions),
    attributes: z.array(attribute),
    by: z.string(),
    phase: z.enum(["queueing", "done"]),
    cancelled: z.boolean(),
    queued: z.int(),
    startedAt: instant,
    finishedAt: instant.optional(),
    waiting: z.string().optional(),
  })
  .meta({ id: "ReconciliationWords" });

/** A run, as the API shows it. */
export const reconciliationSchema = z
  .object({
    number: z.int(),
    phase: z.enum(reconciliationPhases),
    cancelled: z.boolean(),
    isDraft: z.boolean(),
    table: z.string(),
    resource: z.string(),
    direction,
    attributes: z.array(z.object({ attribute, column: z.string() })),
    by: z.string(),
    counts: z.object({
      ...Object.fromEntries(reconciliationSums.map((name) => [name, z.int()])),
      withoutProfile: z.int().optional(),
    }),
    differences: z.array(z.object({ kind, attribute, count: z.int() })),
    missing: z.array(z.string()),
    estimate: z.object({ contacts: z.int(), campaignCalls: z.int(), dynamicsCalls: z.int() }).optional(),
    startedAt: instant,
    finishedAt: instant.optional(),
    waiting: z.string().optional(),
  })
  .meta({ id: "Reconciliation" });

/** A difference, as the API shows it. `explanation`: what would become of it, in a sentence. */
export const differenceSchema = z
  .object({
    kind,
    table: z.string(),
    record: z.string(),
    attribute,
    column: z.string(),
    direction,
    dynamics: z.object({ value: z.boolean(), changedAt: instant.optional(), version: z.string() }),
    campaign: z.object({ value: z.boolean(), changedAt: instant.optional() }),
    rule: z.enum(optOutRules),
    wouldWrite: z.object({ side: z.enum(["dynamics", "campaign"]), value: z.boolean() }).optional(),
    confirmed: z.object({ by: z.string(), at: instant }).optional(),
    explanation: z.string(),
  })
  .meta({ id: "OptOutDifference" });

/** Columns of the file of differences, by what is in them. */
export const differenceColumns: Readonly<
  Record<string, (difference: OptOutDifference) => string | boolean | undefined>
> = {
  kind: ({ kind }) => kind,
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
  rule: ({ rule }) => rule,
  wouldWriteSide: ({ wouldWrite }) => wouldWrite?.side,
  wouldWriteValue: ({ wouldWrite }) => wouldWrite?.value,
  explanation,
  confirmedBy: ({ confirmed }) => confirmed?.by,
  confirmedAt: ({ confirmed }) => confirmed?.at,
};

/** What would become of a difference, in a sentence; and whose word it has. */
export function explanation({ attribute, dynamics, campaign, rule, wouldWrite, confirmed }: OptOutDifference): string {
  const plan = { attribute, dynamics, campaign, rule, ...(wouldWrite && { wrote: wouldWrite }) };
  const said = explainDecision({ ...plan, result: "planned" });
  return confirmed ? `${said} Operator ${confirmed.by} has confirmed the opt-in.` : said;
}

/** A run from what is kept of it. */
export function toView(run: Reconciliation, pace: ReconcilePace): z.output<typeof reconciliationSchema> {
  const { plan, sums, expected, differences, missing, ...rest } = run;
  const { contacts, compared } = sums;
  const isCounted = run.phase === "done" && !run.cancelled;
  return {
    ...rest,
    table: plan.table.name,
    resource: plan.resource.name,
    direction: plan.optOuts.direction,
    attributes: [...plan.optOuts.attributes],
    counts: { ...sums, ...(isCounted && { withoutProfile: Math.max(0, contacts - compared) }) },
    differences: [...differences],
    missing: [...missing],
    ...(expected !== undefined && { estimate: estimateFor(expected, pace) }),
  };
}

/** If there are as many profiles as contacts. A page of profiles, the contacts it names, and in the end all contacts once more, counted only. */
function estimateFor(
  contacts: number,
  { pageSize, rowPage }: ReconcilePace,
): { contacts: number; campaignCalls: number; dynamicsCalls: number } {
  const pages = Math.ceil(contacts / pageSize);
  const reads = pages * Math.ceil(pageSize / maxIdsPerRead);
  return { contacts, campaignCalls: pages + 1, dynamicsCalls: reads + Math.ceil(contacts / rowPage) };
}

/** An order from what is kept of it. */
export function toWordsView(words: Words): z.output<typeof wordsSchema> {
  return { ...words, attributes: [...words.attributes] };
}
