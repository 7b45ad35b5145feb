// What an operator says to the list of a reconciliation: their word for opt-ins, or that opt-outs be settled now. The list is reconciliation.ts; what the
// queue and the lane make of it flows/reconcile-words.ts.

import { z } from "zod";
import { readReconciliation } from "../flows/reconcile-order.js";
import { meansTheSame, planOf } from "../flows/reconcile-plan.js";
import type { OptOutDifference } from "../flows/reconcile-ports.js";
import { confirmNamed, kindFor, orderWords } from "../flows/reconcile-words.js";
import { type OptOutAttribute, optOutAttributes } from "../optout/attributes.js";
import { isRefusal, type Refusal, type RequestProblem, refuse } from "./answer.js";
import { unnamedOperator } from "./authorize.js";
import type { ControlPorts } from "./ports.js";
import { noSuchRun } from "./reconciliation.js";
import { toWordsView, wordsSchema } from "./reconciliation-view.js";
import { route } from "./route.js";
import { nothing, recordId } from "./shapes.js";

const attributes = z
  .array(z.enum(optOutAttributes))
  .min(1)
  .transform((all) => [...new Set(all)]);
const run = z.int().min(1).describe("Number of the run whose list you have read; only the last one can be acted on.");

const confirmSchema = z
  .strictObject({
    run,
    records: z
      .array(z.strictObject({ record: recordId, attribute: z.enum(optOutAttributes) }))
      .min(1)
      .max(100)
      .optional(),
    all: z
      .strictObject({
        attributes: attributes.optional().describe("Without it all of them."),
        count: z.int().min(1).describe("How many differences you expect that to be, exactly."),
      })
      .optional(),
  })
  .refine(({ records, all }) => (records === undefined) !== (all === undefined), {
    error: "must name either records or all",
  });
type Confirm = z.output<typeof confirmSchema>;

const saidSchema = z.object({
  run: z.int(),
  queued: z.int().optional().describe("Messages about named records, put on the queue."),
  words: wordsSchema.optional().describe("The order on all: it is worked off within the next minutes."),
});

/** Confirm and apply. */
export const reconciliationWordRoutes = [
  route({
    method: "POST",
    path: "/opt-outs/reconciliation/confirm",
    summary:
      "An operator's word for opt-ins of the list: those named, or all of kind `needs-word`, with their exact number",
    description:
      "Header `x-operator` is required and kept as `by`. A word holds for a contact as it was listed: where its row or the time of Campaign's attribute has changed since, nobody is opted in, and the next list asks again. Say it of all of a contact's attributes at once: the first opt-in makes its row another one. Given twice it is given once. 409 `count-differs` where `all` are not that many, `other-settings` where the settings in force do not mean what the list was made with, `list-not-whole` where the run is under way or was ended early.",
    params: nothing,
    query: nothing,
    body: confirmSchema,
    status: 202,
    answer: saidSchema,
    refusals: [404, 409],
    isLong: true,
    async handle({ ports, operator, body }) {
      if (operator === unnamedOperator) return nameYourself;
      const list = await listOf(ports, body.run);
      if (isRefusal(list)) return list;
      return body.all ? confirmAll(ports, list, body.all, operator) : confirmSome(ports, list, body.records, operator);
    },
  }),
  route({
    method: "POST",
    path: "/opt-outs/reconciliation/apply",
    summary: "Has all opt-outs of the list, kind `opts-out`, settled now instead of when their turn comes",
    description:
      "Both sides are read afresh and decided anew, as ever. 409 as for `confirm`, but for the count: an opt-out needs nobody's word.",
    params: nothing,
    query: nothing,
    body: z.strictObject({ run, attributes: attributes.optional() }),
    status: 202,
    answer: saidSchema,
    refusals: [404, 409],
    async handle({ ports, operator, body }) {
      const list = await listOf(ports, body.run);
      if (isRefusal(list)) return list;
      const words = await orderWords(ports.reconciling.ports, {
        run: list.number,
        action: "apply",
        attributes: body.attributes ?? optOutAttributes,
        by: operator,
      });
      return { run: list.number, words: toWordsView(words) };
    },
  }),
];

type List = NonNullable<Awaited<ReturnType<typeof readReconciliation>>>;
type Said = z.output<typeof saidSchema>;

const nameYourself = refuse(400, "invalid-request", "the request is not right", [
  { path: "header.x-operator", problem: "is missing", fix: "say whose word it is: it is kept with the decision" },
]);

/** The list that an operator has read, or why nothing can be said to it. */
async function listOf({ ingress, reconciling }: ControlPorts, number: number): Promise<List | Refusal> {
  const last = await readReconciliation(ingress.checkpoints);
  if (!last || number > last.number) return noSuchRun;
  if (number < last.number) return refuse(409, "older-list", `run ${last.number} has made a newer list: read that one`);
  if (last.phase !== "done" || last.cancelled) {
    const why = last.cancelled ? "was ended early" : "is under way";
    return refuse(409, "list-not-whole", `run ${number} ${why}: nothing can be said to a list that is not whole`);
  }
  const { mappings } = await ingress.settings.current();
  if (!meansTheSame(last.plan, planOf(mappings.values()))) {
    const message = "the settings in force do not mean what the list was made with: publish those, or make a new list";
    return refuse(409, "other-settings", message);
  }
  const stopped = await reconciling.ports.stopped();
  return stopped === undefined ? last : refuse(409, "stopped", stopped);
}

async function confirmAll(
  { reconciling }: ControlPorts,
  { number, differences }: List,
  { attributes: wanted = [...optOutAttributes], count }: NonNullable<Confirm["all"]>,
  operator: string,
): Promise<Said | Refusal> {
  const meant = differences.filter(({ kind, attribute }) => kind === kindFor("confirm") && wanted.includes(attribute));
  const found = meant.reduce((sum, one) => sum + one.count, 0);
  if (found !== count) {
    const message = `the list has ${found} such differences, not ${count}: read it, and confirm that many`;
    return refuse(409, "count-differs", message);
  }
  const order = { run: number, action: "confirm", attributes: wanted, by: operator } as const;
  return { run: number, words: toWordsView(await orderWords(reconciling.ports, order)) };
}

async function confirmSome(
  { reconciling: { ports } }: ControlPorts,
  { number, plan }: List,
  records: Confirm["records"] = [],
  operator: string,
): Promise<Said | Refusal> {
  const once = new Map(records.map((one, index) => [`${one.record}/${one.attribute}`, { ...one, index }]));
  const found: OptOutDifference[] = [];
  const problems: RequestProblem[] = [];
  for (const { record, attribute, index } of once.values()) {
    const difference = await ports.differences.read(number, kindFor("confirm"), record, attribute as OptOutAttribute);
    if (difference) found.push(difference);
    else problems.push({ path: `body.records[${index}]`, ...notListed });
  }
  if (problems.length > 0) return refuse(404, "not-listed", "nothing was confirmed", problems);
  return { run: number, queued: await confirmNamed(ports, { run: number, plan, by: operator }, found) };
}

const notListed = {
  problem: "is not on the list as one that needs a word",
  fix: "give a record and an attribute of kind needs-word",
};
