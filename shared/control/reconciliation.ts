// The first reconciliation of opt-outs: the order of a dry run, how far it is, its end, and the list of what differs. How both look is
// reconciliation-view.ts, what an operator says to the list reconciliation-words.ts; the comparison is flows/reconcile-opt-outs.ts.

import { z } from "zod";
import { cancelReconciliation, orderReconciliation, readReconciliation } from "../flows/reconcile-order.js";
import { mappingOfPlan, planOf } from "../flows/reconcile-plan.js";
import { type DifferenceFilter, differenceKinds, type OptOutDifference } from "../flows/reconcile-ports.js";
import { cancelWords, readWords } from "../flows/reconcile-words.js";
import { optOutAttributes } from "../optout/attributes.js";
import { isRefusal, type Refusal, refuse } from "./answer.js";
import { pageOf, readContinuation } from "./continuation.js";
import { toCsv } from "./csv.js";
import type { ControlPorts } from "./ports.js";
import { draftMappings } from "./preview.js";
import {
  differenceColumns,
  differenceSchema,
  explanation,
  reconciliationSchema,
  toView,
  toWordsView,
  wordsSchema,
} from "./reconciliation-view.js";
import { route } from "./route.js";
import { documentsSchema, languageSchema } from "./settings.js";
import { continuationText, nothing } from "./shapes.js";

const filterQuery = {
  run: z.coerce.number().int().min(1).optional(),
  kind: z.enum(differenceKinds).optional(),
  attribute: z.enum(optOutAttributes).optional(),
  continuation: continuationText.optional(),
};

const exportedPerCall = 5_000;
/** The run and its list. */
export const reconciliationRoutes = [
  route({
    method: "POST",
    path: "/opt-outs/reconciliation",
    summary:
      "Orders a dry run that compares the opt-outs of all profiles with those of their contacts; it starts within seconds and writes nothing",
    description:
      "By the direction of the settings in force or, before a direction is switched on, by that of a draft (`documents`: all mappings together). `estimate` is what it takes if there are as many profiles as contacts. 409 while a run, or an order on the list of the last one, is under way, and `no-direction` where no mapping says which opt-outs to compare. The lists of the last three runs are kept.",
    params: nothing,
    query: nothing,
    body: z.strictObject({
      documents: documentsSchema
        .optional()
        .describe("A draft, all mappings together; without it the settings in force."),
      language: languageSchema.optional(),
    }),
    status: 202,
    answer: reconciliationSchema,
    refusals: [409, 502],
    isLong: true,
    async handle({ ports, operator, body: { documents, language } }) {
      const { reconciling, ingress, countRows } = ports;
      const mappings = documents
        ? await draftMappings(ports, documents, language)
        : [...(await ingress.settings.current()).mappings.values()];
      if (isRefusal(mappings)) return mappings;
      const plan = planOf(mappings);
      if (!plan)
        return refuse(409, "no-direction", "no mapping says which opt-outs to keep equal: give a draft that does");
      if ((await readWords(ingress.checkpoints))?.phase === "queueing") {
        return refuse(409, "conflict", "an order on the last list is under way: wait for its end or cancel it");
      }
      const expected = await countRows(mappingOfPlan(plan));
      const isDraft = documents !== undefined;
      const order = { plan, isDraft, by: operator, ...(expected !== undefined && { expected }) };
      return toView(await orderReconciliation(reconciling.ports, order), reconciling.pace);
    },
  }),
  route({
    method: "GET",
    path: "/opt-outs/reconciliation",
    summary: "The last or running reconciliation of opt-outs, and the last order on its list",
    description:
      "Of `counts`, `profiles` is the sum of `compared`, `withoutKey`, `foreign` (a key that is no contact's), `malformed` and `withoutContact`; `withoutProfile`: contacts that no profile belongs to, known in the end. `differences` are exact once `phase` is `done`. `missing`: mapped attributes that Campaign does not have. `waiting`: why it stands still at the moment.",
    params: nothing,
    query: nothing,
    answer: z.object({ reconciliation: reconciliationSchema.optional(), words: wordsSchema.optional() }),
    async handle({ ports: { ingress, reconciling } }) {
      const [run, words] = await Promise.all([readReconciliation(ingress.checkpoints), readWords(ingress.checkpoints)]);
      return {
        ...(run && { reconciliation: toView(run, reconciling.pace) }),
        ...(words && { words: toWordsView(words) }),
      };
    },
  }),
  route({
    method: "DELETE",
    path: "/opt-outs/reconciliation",
    summary: "Ends the reconciliation that is under way, or the order on its list",
    description:
      "What is queued already is still worked off. A list that was ended early can be read, and nothing be said to it.",
    params: nothing,
    query: nothing,
    answer: z.object({ wasReading: z.boolean(), wasQueueing: z.boolean() }),
    refusals: [409],
    async handle({ ports: { ingress } }) {
      return { wasReading: await cancelReconciliation(ingress), wasQueueing: await cancelWords(ingress) };
    },
  }),
  route({
    method: "GET",
    path: "/opt-outs/reconciliation/differences",
    summary: "What differs, a page at a time, each difference with its sentence",
    description:
      "Of the last run, or of `run`. `opts-out` and `opts-in`: the direction settles it by itself, with an opt-out or with an opt-in that was seen; `needs-word`: both sides stay as they are until an operator confirms the opt-in; `not-ours`: nothing is written to a profile that this app did not make or adopt. `true` stands for opted out. Give `continuation` back as it is for the next page; without one in the answer it was the last.",
    params: nothing,
    query: z.strictObject({ ...filterQuery, limit: z.coerce.number().int().min(1).max(500).default(100) }),
    answer: z.object({
      run: z.int(),
      differences: z.array(differenceSchema),
      continuation: continuationText.optional(),
    }),
    refusals: [404],
    async handle({ ports, query: { limit, ...query } }) {
      const page = await readPage(ports, query, limit);
      if (isRefusal(page)) return page;
      return { ...page, differences: page.differences.map((one) => ({ ...one, explanation: explanation(one) })) };
    },
  }),
  route({
    method: "GET",
    path: "/opt-outs/reconciliation/export",
    summary: "What differs, as CSV (RFC 4180)",
    description:
      "At most 5,000 a file. If there are more, header `x-continuation` says what to give as `continuation` for the next file.",
    params: nothing,
    query: z.strictObject(filterQuery),
    answer: "csv",
    refusals: [404],
    isLong: true,
    async handle({ ports, query }) {
      const page = await readPage(ports, query, exportedPerCall);
      if (isRefusal(page)) return page;
      const rows = page.differences.map((one) =>
        Object.values(differenceColumns).map((cell) => String(cell(one) ?? "")),
      );
      return {
        csv: toCsv([Object.keys(differenceColumns), ...rows]),
        headers: {
          "content-disposition": `attachment; filename="opt-out-differences-${page.run}.csv"`,
          ...(page.continuation !== undefined && { "x-continuation": page.continuation }),
        },
      };
    },
  }),
];

type Query = DifferenceFilter & { run?: number | undefined; continuation?: string | undefined };

async function readPage(
  { ingress, reconciling }: ControlPorts,
  { run, continuation, ...filter }: Query,
  limit: number,
): Promise<{ run: number; differences: OptOutDifference[]; continuation?: string } | Refusal> {
  const from = readContinuation(continuation, "query.continuation", differencePlace);
  if ("refused" in from) return from;
  const last = await readReconciliation(ingress.checkpoints);
  if (!last || (run !== undefined && run > last.number)) return noSuchRun;
  const number = run ?? last.number;
  const { items, ...page } = await pageOf(reconciling.ports.differences.list(number, filter, from.after), limit);
  return { ...page, run: number, differences: items.map(({ difference }) => difference) };
}

/** What is answered where there is nothing to read yet. */
export const noSuchRun = refuse(404, "missing", "there is no such reconciliation: order one");

const differencePlace = z.tuple([
  z.string().regex(new RegExp(`^run-\\d{8}-(${differenceKinds.join("|")})$`)),
  z.string().regex(new RegExp(`^[0-9a-f-]{36}-(${optOutAttributes.join("|")})$`)),
]);
