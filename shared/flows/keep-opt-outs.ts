// What opt-outs leave behind where a profile begins or ends: a new one starts as both sides remember, one that goes is looked at once more, and what a merged
// contact was opted out of goes to its master. Deciding is settle-opt-outs.ts.

import type { CompiledMapping } from "../mapping/compile.js";
import type { Row } from "../model/row.js";
import type { OptOutAttribute, RememberedOptOuts } from "../optout/attributes.js";
import type { VersionedRow } from "./ports.js";
import { type Job, mayBeThere } from "./record-job.js";
import { bareEnvelope } from "./sweep-envelopes.js";

/** Values that a new profile starts with: opted out where Dynamics says so, or where Campaign did before the profile went. */
export function startingOptOuts({ mapping, state }: Job, row: Row): Map<OptOutAttribute, boolean> {
  const attributes = mapping.optOuts?.attributes ?? [];
  return new Map(
    attributes.flatMap(({ attribute, column }) =>
      isOut(row, column) || state.optOuts?.attributes[attribute]?.campaign === true ? [[attribute, true] as const] : [],
    ),
  );
}

/** What is remembered of a record whose profile has just been made with `starting`. */
export function rememberStart(
  { optOuts }: Pick<CompiledMapping, "optOuts">,
  current: VersionedRow,
  starting: ReadonlyMap<OptOutAttribute, boolean>,
): { optOuts?: RememberedOptOuts } {
  if (!optOuts) return {};
  const attributes = optOuts.attributes.map(({ attribute, column }) => [
    attribute,
    { dynamics: isOut(current.row, column), campaign: starting.get(attribute) === true },
  ]);
  return { optOuts: { ...marksOf(current), attributes: Object.fromEntries(attributes) } };
}

/** What tells whether the row of a comparison is still the same, untouched. */
export function marksOf({ version, createdAt }: VersionedRow): Pick<RememberedOptOuts, "version" | "createdAt"> {
  return { version, ...(createdAt !== undefined && { createdAt }) };
}

/**
 * Reads the profile once more before it is deleted, so that nobody who comes back is opted in; what a merged record was opted out of goes to its master,
 * and so does what another one, merged into this one before, hands on. Answers the job to go on with.
 */
export async function keepOptOuts(job: Job, row: Row | undefined): Promise<Job> {
  const { mapping, ports, envelope, state } = job;
  const rules = mapping.optOuts;
  if (!rules) return job;
  const campaign = mayBeThere(job)
    ? await ports.optOuts.campaign.read(mapping, envelope.id, ports.clock.now() + ports.campaignBudgetMs)
    : undefined;
  const seen = rules.attributes.map(({ attribute, column }) => {
    const remembered = state.optOuts?.attributes[attribute]?.campaign === true;
    const inherited = envelope.optOuts?.includes(attribute) === true;
    return {
      attribute,
      inherited,
      campaign: inherited || (campaign?.get(attribute)?.value ?? remembered),
      row: row !== undefined && isOut(row, column),
    };
  });
  // What it was opted out of itself the master has heard when it was merged; who has opted in there since stays opted in.
  const isNews = state.tombstone === undefined;
  const out = seen.filter((one) => one.inherited || (isNews && (one.campaign || one.row)));
  if (row && out.length > 0) {
    await tellMaster(
      job,
      out.map(({ attribute }) => attribute),
    );
  }
  if (!campaign && !envelope.optOuts) return job;
  const attributes = { ...state.optOuts?.attributes };
  for (const one of seen) attributes[one.attribute] = { ...attributes[one.attribute], campaign: one.campaign };
  return { ...job, state: { ...state, optOuts: { ...state.optOuts, attributes } } };
}

async function tellMaster({ ports, mapping, envelope }: Job, optOuts: readonly OptOutAttribute[]): Promise<void> {
  const master = await ports.optOuts.dynamics.masterOf(mapping, envelope.id);
  if (master === undefined) return;
  const { table, occurredAt, correlationId, settings } = envelope;
  const nonce = `merged-${envelope.id}-${optOuts.join()}`;
  const news = { cause: "optout", optOuts, occurredAt, correlationId, settings, nonce } as const;
  await ports.queue.send([bareEnvelope(table, master, "optout", news)]);
}

/** Does this row opt out of what the column stands for? */
export function isOut(row: Row, column: string): boolean {
  return row[column] === true;
}
