// What an operator says to the list of a reconciliation (design.md §5): their word for the `false`s, or that the `true`s be settled now. Puts the contacts on
// the queue, at its pace, and notes the word in the list; the lane reads both sides afresh, and takes the word only for what is still as it was listed.
// Flow `optout`, stream `reconciliation-words`.

import { ConflictError } from "../errors.js";
import { type ConfirmedOptIns, type Envelope, optOutNonce } from "../model/envelope.js";
import type { RecordId, RowVersion } from "../model/ids.js";
import { type OptOutAttribute, optOutAttributes } from "../optout/attributes.js";
import type { Checkpoint, CheckpointStore } from "../storage/checkpoints.js";
import { mapLimit } from "./map-limit.js";
import { cursorAt, placeAt, readReconciliation } from "./reconcile-order.js";
import { mappingOfPlan, meansTheSame, planOf, type ReconcilePlan } from "./reconcile-plan.js";
import type { DifferenceFilter, DifferencePlace, OptOutDifference, ReconcilePorts } from "./reconcile-ports.js";
import { bareEnvelope } from "./sweep-envelopes.js";
import { cancelWork, ended, workInSteps } from "./work-in-steps.js";

/** `confirm`: all of kind `needs-word`; `apply`: all of kind `opts-out`. */
export const wordActions = ["confirm", "apply"] as const;

/** What is to be said to all differences of a run with these attributes. */
export interface WordsOrder {
  run: number;
  action: (typeof wordActions)[number];
  attributes: readonly OptOutAttribute[];
  by: string;
}

/** An order as its checkpoint tells it; `queued` counts contacts. Instants are ISO. */
export interface Words extends WordsOrder {
  number: number;
  phase: "queueing" | "done";
  cancelled: boolean;
  queued: number;
  startedAt: string;
  finishedAt?: string;
  waiting?: string;
}

/** `maxDepth`: nothing is sent while so many messages wait. `retryMs`: pause after an error. */
export interface WordsPace {
  maxDepth: number;
  pollMs: number;
  retryMs: number;
}

/** What one slice did. `idle`: nothing is ordered, or it is not time yet. */
export type WordsSlice = { state: "idle" } | { state: "working" | "waiting" | "done"; words: Words };

type Values = Checkpoint["values"];
const place = ["optout", "reconciliation-words"] as const;
/** Contacts a step; with all their attributes. */
const contactsPerStep = 50;
const notesAtOnce = 16;

const kinds = { confirm: "needs-word", apply: "opts-out" } as const satisfies Record<
  WordsOrder["action"],
  DifferenceFilter["kind"]
>;

/** The kind of difference that an action is about. */
export function kindFor(action: WordsOrder["action"]): (typeof kinds)[WordsOrder["action"]] {
  return kinds[action];
}

/** The last or running order; undefined: there never was one. */
export async function readWords(checkpoints: CheckpointStore): Promise<Words | undefined> {
  const checkpoint = await checkpoints.read(...place);
  return checkpoint && toWords(checkpoint.values);
}

/** Orders it; the next slice starts. The same order given again while it is under way is one. ConflictError: another one is under way. */
export async function orderWords(
  { checkpoints, clock }: Pick<ReconcilePorts, "checkpoints" | "clock">,
  order: WordsOrder,
): Promise<Words> {
  const current = await checkpoints.read(...place);
  const before = current && toWords(current.values);
  if (before?.phase === "queueing") {
    if (isSame(before, order)) return before;
    throw new ConflictError(
      `order ${before.number} (${before.action}, run ${before.run}) is under way with ${before.queued} contacts so far: wait for its end or cancel it`,
    );
  }
  const { run, action, attributes, by } = order;
  const values: Values = {
    phase: "queueing",
    number: (before?.number ?? 0) + 1,
    run,
    action,
    attributes: inOrder(attributes).join(","),
    by,
    queued: 0,
    startedAt: iso(clock.now()),
  };
  await checkpoints.save(...place, values, current?.etag);
  return toWords(values);
}

/** Ends an order that is under way; what it queued is still worked off. Answers whether there was one. */
export function cancelWords(ports: Pick<ReconcilePorts, "checkpoints" | "clock">): Promise<boolean> {
  return cancelWork(ports, place);
}

/** Goes on with the order until it is done, `deadline` (epoch ms), a full queue or an operator's stop. ConflictError: it was cancelled, or another slice is faster. */
export async function wordsSlice(ports: ReconcilePorts, pace: WordsPace, deadline: number): Promise<WordsSlice> {
  const sliced = await workInSteps(
    ports,
    {
      place,
      retryMs: pace.retryMs,
      callsPeers: () => false,
      step: (values) => queueSome(ports, pace, values, deadline),
    },
    deadline,
  );
  return sliced.state === "idle" ? sliced : { state: sliced.state, words: toWords(sliced.values) };
}

/** Gives an operator's word for some differences of a run by name; answers how many contacts were queued. */
export function confirmNamed(
  ports: ReconcilePorts,
  { run, plan, by }: { run: number; plan: ReconcilePlan; by: string },
  named: readonly OptOutDifference[],
): Promise<number> {
  return queue(ports, { run, plan, action: "confirm", by }, named);
}

async function queueSome(
  ports: ReconcilePorts,
  { maxDepth, pollMs }: WordsPace,
  values: Values,
  deadline: number,
): Promise<Values | { wait: string }> {
  const { run, action, attributes, by } = toWords(values);
  const list = await readReconciliation(ports.checkpoints);
  const { mappings } = await ports.settings.current();
  if (list?.number !== run) return { wait: `there is a newer list than that of run ${run}` };
  if (!meansTheSame(list.plan, planOf(mappings.values()))) {
    return { wait: "the settings in force are not those that the list was made with" };
  }
  const filter = { kind: kinds[action], ...(attributes.length === 1 && { attribute: attributes[0] }) };
  const some = await nextContacts(ports, run, filter, attributes, placeAt(values.cursor));
  while (await isFull(ports, maxDepth)) {
    if (ports.clock.now() >= deadline) return { wait: "the queue is full" };
    await ports.clock.sleep(pollMs);
  }
  const queued = Number(values.queued ?? 0) + (await queue(ports, { run, plan: list.plan, action, by }, some.found));
  if (!some.last) return ended({ ...values, queued }, ports.clock.now(), false);
  return { ...values, queued, cursor: cursorAt(some.last) };
}

/** The next contacts of the list, with all that is said of each; `last`: where the list goes on, if it does. */
async function nextContacts(
  { differences }: ReconcilePorts,
  run: number,
  filter: DifferenceFilter,
  attributes: readonly OptOutAttribute[],
  after: DifferencePlace | undefined,
): Promise<{ found: OptOutDifference[]; last: DifferencePlace | undefined }> {
  const found: OptOutDifference[] = [];
  const contacts = new Set<RecordId>();
  let last = after;
  for await (const { place: at, difference } of differences.list(run, filter, after)) {
    if (attributes.includes(difference.attribute)) {
      // One message says all of a contact: after the first one its row has another version.
      if (!contacts.has(difference.record) && contacts.size === contactsPerStep) return { found, last };
      contacts.add(difference.record);
      found.push(difference);
    }
    last = at;
  }
  return { found, last: undefined };
}

async function isFull({ queue }: ReconcilePorts, maxDepth: number): Promise<boolean> {
  const depths = await queue.depths(maxDepth);
  return [...depths.values()].reduce((sum, depth) => sum + depth, 0) >= maxDepth;
}

/**
 * Sends, then notes the word: a kill in between sends the same messages again. A word that was noted is not given twice: somebody may have acted on the
 * contact since. Answers how many messages were sent.
 */
async function queue(
  ports: ReconcilePorts,
  { run, plan, action, by }: Omit<WordsOrder, "attributes"> & { plan: ReconcilePlan },
  found: readonly OptOutDifference[],
): Promise<number> {
  const mapping = mappingOfPlan(plan);
  const { version: settings } = await ports.settings.current();
  const occurredAt = iso(ports.clock.now());
  const open = found.filter(({ confirmed }) => confirmed === undefined);
  const envelopes = statementsOf(open).map(({ record, version, said }): Envelope => {
    const nonce = optOutNonce(
      record,
      [version, ...said.map(({ attribute }) => attribute)].join(" "),
      `reconciliation-${run}-${action}`,
    );
    const envelope = bareEnvelope(mapping, record, "optout", { cause: "optout", occurredAt, settings, nonce });
    return action === "apply" ? envelope : { ...envelope, confirmed: { version, at: timesOf(said), by } };
  });
  if (envelopes.length > 0) await ports.queue.send(envelopes);
  if (action === "confirm") {
    await mapLimit(open, notesAtOnce, (difference) =>
      ports.differences.confirm(run, difference, { by, at: occurredAt }),
    );
  }
  return envelopes.length;
}

/** What is said of one contact as it was listed. */
interface Statement {
  record: RecordId;
  version: RowVersion;
  said: OptOutDifference[];
}

/** By contact and version: a page that was read twice may have listed one attribute of a contact as it was before. */
function statementsOf(found: readonly OptOutDifference[]): Statement[] {
  const statements = new Map<string, Statement>();
  for (const difference of found) {
    const { record, dynamics } = difference;
    const id = `${record}@${dynamics.version}`;
    const statement = statements.get(id) ?? { record, version: dynamics.version, said: [] };
    statement.said.push(difference);
    statements.set(id, statement);
  }
  return [...statements.values()];
}

function timesOf(said: readonly OptOutDifference[]): ConfirmedOptIns["at"] {
  return Object.fromEntries(
    said.map(({ attribute, campaign: { changedAt } }) => [
      attribute,
      changedAt === undefined ? null : Date.parse(changedAt),
    ]),
  );
}

function isSame(before: Words, order: WordsOrder): boolean {
  const text = ({ run, action, attributes, by }: WordsOrder): string =>
    JSON.stringify([run, action, inOrder(attributes), by]);
  return text(before) === text(order);
}

function inOrder(attributes: readonly OptOutAttribute[]): OptOutAttribute[] {
  return optOutAttributes.filter((attribute) => attributes.includes(attribute));
}

function toWords(values: Values): Words {
  const attributes = String(values.attributes ?? "").split(",");
  return {
    number: Number(values.number),
    run: Number(values.run),
    action: wordActions.find((action) => action === values.action) ?? "apply",
    attributes: optOutAttributes.filter((attribute) => attributes.includes(attribute)),
    by: String(values.by ?? ""),
    phase: values.phase === "done" ? "done" : "queueing",
    cancelled: values.cancelled === true,
    queued: Number(values.queued ?? 0),
    startedAt: String(values.startedAt),
    ...(values.finishedAt !== undefined && { finishedAt: String(values.finishedAt) }),
    ...(values.waiting !== undefined && { waiting: String(values.waiting) }),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
