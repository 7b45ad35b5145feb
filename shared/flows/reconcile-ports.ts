// What comparing the opt-outs that two systems hold already needs from the world (design.md §5). Adapters: campaign/opt-out-pages.ts,
// storage/reconciliations.ts. The comparison itself is reconcile-opt-outs.ts.

import type { CompiledMapping } from "../mapping/compile.js";
import type { RecordId, RowVersion } from "../model/ids.js";
import type { CampaignOptOuts, OptOutAttribute, OptOutDirection } from "../optout/attributes.js";
import type { OptOutRule } from "../optout/decide.js";
import type { IngressPorts } from "./ports.js";

/**
 * What becomes of a difference. `opts-out`, `opts-in`: the rules settle it by themselves, by a `true` or, for a change that was seen, a `false`.
 * `needs-word`: both sides stay as they are until an operator says that the `false` holds. `not-ours`: the profile is none that this product made or
 * adopted, so that nothing is written to it.
 */
export const differenceKinds = ["opts-out", "opts-in", "needs-word", "not-ours"] as const;
/** See `differenceKinds`. */
export type DifferenceKind = (typeof differenceKinds)[number];

/** One attribute of one contact that the two sides disagree about, as both were seen. Ids, values and times only (ISO, as in OptOutDecision). */
export interface OptOutDifference {
  kind: DifferenceKind;
  table: string;
  record: RecordId;
  attribute: OptOutAttribute;
  column: string;
  direction: Exclude<OptOutDirection, "disabled">;
  dynamics: { value: boolean; changedAt?: string; version: RowVersion };
  campaign: { value: boolean; changedAt?: string };
  rule: OptOutRule;
  /** What the rules would write by themselves. */
  wouldWrite?: { side: "dynamics" | "campaign"; value: boolean };
  /** An operator's word for the `false`, given and queued. */
  confirmed?: { by: string; at: string };
}

/** Which differences of a run are meant; what is left out does not matter. */
export interface DifferenceFilter {
  kind?: DifferenceKind | undefined;
  attribute?: OptOutAttribute | undefined;
}

/** A place in the order in which differences are listed: by kind, contact and attribute. */
export interface DifferencePlace {
  partition: string;
  row: string;
}

/** Where the differences of the last runs are kept; `run` is a run's number. */
export interface DifferenceStore {
  /** Keeps what was found; the same found again is replaced. */
  keep(run: number, found: readonly OptOutDifference[]): Promise<void>;
  /** Differences behind a place, each with its own. */
  list(
    run: number,
    filter: DifferenceFilter,
    after?: DifferencePlace,
  ): AsyncIterable<{ place: DifferencePlace; difference: OptOutDifference }>;
  /** One difference; undefined: the run has none of this kind there. */
  read(
    run: number,
    kind: DifferenceKind,
    record: RecordId,
    attribute: OptOutAttribute,
  ): Promise<OptOutDifference | undefined>;
  /** Notes that the word for this difference was given. Noted again, the first note stays. */
  confirm(run: number, difference: OptOutDifference, word: { by: string; at: string }): Promise<void>;
  /** Removes differences of the runs before this one, until `deadline` (epoch ms). Answers whether that was all. */
  purge(run: number, deadline: number): Promise<boolean>;
}

/**
 * One page of profiles with their opt-outs. `withoutKey` counts those that carry no key, `malformed` those whose opt-outs cannot be read; without `next`
 * (opaque) it was the last page. `missing`: mapped attributes that the instance does not have.
 */
export interface OptOutPage {
  profiles: readonly { key: string; optOuts: CampaignOptOuts }[];
  withoutKey: number;
  malformed: number;
  missing: readonly OptOutAttribute[];
  next?: string;
}

/** Opt-outs of many profiles a call. Throws as CampaignSource does. */
export interface OptOutPages {
  /** One page of all profiles, from the start without `cursor`. No call starts or repeats after `deadline` (epoch ms). */
  readPage(mapping: CompiledMapping, cursor: string | undefined, size: number, deadline: number): Promise<OptOutPage>;
}

/** What reconciliations work with; made by services.ts, or by a test. */
export interface ReconcilePorts extends IngressPorts {
  pages: OptOutPages;
  differences: DifferenceStore;
  /** Why an operator's stop holds the work now; undefined: it may go on. */
  stopped(): Promise<string | undefined>;
}
