// Ordering a reconciliation of the opt-outs that both sides hold already, ending it, and what is known of it (design.md §5). Flow `optout`, stream
// `reconciliation`. The comparison itself is reconcile-opt-outs.ts, what an operator says to its list reconcile-words.ts.

import { ConflictError } from "../errors.js";
import { type OptOutAttribute, optOutAttributes } from "../optout/attributes.js";
import type { Checkpoint, CheckpointStore } from "../storage/checkpoints.js";
import { sumsOf } from "./checkpoint-sums.js";
import type { ReconcilePlan } from "./reconcile-plan.js";
import { type DifferenceKind, type DifferencePlace, differenceKinds, type ReconcilePorts } from "./reconcile-ports.js";
import { cancelWork } from "./work-in-steps.js";

/** Flow and stream of the last or running reconciliation. */
export const reconciliationPlace = ["optout", "reconciliation"] as const;

/**
 * Sums of a run. Of all `profiles`, `withoutKey` carry none, `foreign` one that is no contact's, `malformed` cannot be read, `withoutContact` have none in
 * Dynamics any more; the rest is `compared`. `contacts`: rows in Dynamics, merged ones left out.
 */
export const reconciliationSums = [
  "profiles",
  "compared",
  "withoutKey",
  "foreign",
  "malformed",
  "withoutContact",
  "contacts",
] as const;

/** `clearing`: runs from long ago make way; `profiles`, `contacts`: both sides are read; `counting`: what was found is counted. */
export const reconciliationPhases = ["clearing", "profiles", "contacts", "counting", "done"] as const;

/** A run as its checkpoint tells it. Instants are ISO. */
export interface Reconciliation {
  number: number;
  phase: (typeof reconciliationPhases)[number];
  cancelled: boolean;
  plan: ReconcilePlan;
  /** Is the plan that of a draft? */
  isDraft: boolean;
  by: string;
  /** Contacts as Dynamics counted them when the run was ordered; undefined: it could not tell. */
  expected?: number;
  sums: Record<(typeof reconciliationSums)[number], number>;
  /** Differences by kind and attribute: exact once the run is done. */
  differences: readonly { kind: DifferenceKind; attribute: OptOutAttribute; count: number }[];
  /** Mapped attributes that Campaign does not have. */
  missing: readonly string[];
  startedAt: string;
  finishedAt?: string;
  /** Why it stands still at the moment. */
  waiting?: string;
}

/** What an operator orders. */
export type ReconciliationOrder = Pick<Reconciliation, "plan" | "isDraft" | "by" | "expected">;

type Stores = Pick<ReconcilePorts, "checkpoints" | "clock">;

/** The last or running one; undefined: there never was one. */
export async function readReconciliation(checkpoints: CheckpointStore): Promise<Reconciliation | undefined> {
  const checkpoint = await checkpoints.read(...reconciliationPlace);
  return checkpoint && toReconciliation(checkpoint.values);
}

/** Orders a run; the next slice starts it. ConflictError: one is under way, or somebody else ordered one at the same moment. */
export async function orderReconciliation(
  { checkpoints, clock }: Stores,
  { plan, isDraft, by, expected }: ReconciliationOrder,
): Promise<Reconciliation> {
  const current = await checkpoints.read(...reconciliationPlace);
  if (current && current.values.phase !== "done") {
    const { number, sums } = toReconciliation(current.values);
    throw new ConflictError(
      `reconciliation ${number} is under way (${sums.profiles} profiles so far): wait for its end or cancel it`,
    );
  }
  const values: Checkpoint["values"] = {
    phase: "clearing",
    number: Number(current?.values.number ?? 0) + 1,
    plan: JSON.stringify(plan),
    isDraft,
    by,
    startedAt: iso(clock.now()),
    ...(expected !== undefined && { expected }),
  };
  await checkpoints.save(...reconciliationPlace, values, current?.etag);
  return toReconciliation(values);
}

/** Ends a run that is under way, at the latest after the page in hand; what it found can still be read. Answers whether there was one. */
export function cancelReconciliation(ports: Stores): Promise<boolean> {
  return cancelWork(ports, reconciliationPlace);
}

/** Name of the sum of differences of one kind and attribute. */
export function differenceSum(kind: DifferenceKind, attribute: OptOutAttribute): string {
  return `${kind}-${attribute}`;
}

/** A place in the list of differences as a checkpoint holds it; keys hold no blanks. */
export function cursorAt({ partition, row }: DifferencePlace): string {
  return `${partition} ${row}`;
}

/** The place that `cursorAt` made a cursor of. */
export function placeAt(cursor: unknown): DifferencePlace | undefined {
  if (cursor === undefined) return undefined;
  const [partition = "", row = ""] = String(cursor).split(" ");
  return { partition, row };
}

/** A run from its checkpoint. */
export function toReconciliation(values: Checkpoint["values"]): Reconciliation {
  const all = differenceKinds.flatMap((kind) => optOutAttributes.map((attribute) => ({ kind, attribute })));
  const { sums } = sumsOf(values, reconciliationSums);
  const found = sumsOf(
    values,
    all.map(({ kind, attribute }) => differenceSum(kind, attribute)),
  ).sums;
  const text = (name: "finishedAt" | "waiting") => values[name] !== undefined && { [name]: String(values[name]) };
  const missing = String(values.missing ?? "");
  return {
    number: Number(values.number),
    phase: reconciliationPhases.find((phase) => phase === values.phase) ?? "clearing",
    cancelled: values.cancelled === true,
    plan: JSON.parse(String(values.plan)) as ReconcilePlan,
    isDraft: values.isDraft === true,
    by: String(values.by ?? ""),
    ...(values.expected !== undefined && { expected: Number(values.expected) }),
    sums,
    differences: all
      .map(({ kind, attribute }) => ({ kind, attribute, count: found[differenceSum(kind, attribute)] ?? 0 }))
      .filter(({ count }) => count > 0),
    missing: missing === "" ? [] : missing.split(","),
    startedAt: String(values.startedAt),
    ...text("finishedAt"),
    ...text("waiting"),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
