// What the decisions on opt-outs need from the world (design.md §5). Adapters: campaign/opt-outs.ts, dataverse/opt-outs.ts, storage/decisions.ts.
// Reading Campaign for what changed there is optout-source.ts.

import type { CompiledMapping, Fields } from "../mapping/compile.js";
import type { RecordId, RowVersion } from "../model/ids.js";
import type { CampaignOptOuts, OptOutAttribute, OptOutDirection } from "../optout/attributes.js";
import type { Carried } from "./ports.js";

/** Opt-outs of Campaign's profiles. No call starts or repeats after `deadline` (epoch ms). Throws as CampaignSink and CampaignSource do. */
export interface CampaignOptOutStore {
  /** All eight attributes of the profile with this key, as far as the instance has them, in one call. Undefined: there is none. */
  read(mapping: CompiledMapping, key: string, deadline: number): Promise<CampaignOptOuts | undefined>;
  /** Changes these attributes and nothing else, in one call. MissingError: there is no profile with this key. */
  write(
    mapping: CompiledMapping,
    key: string,
    values: ReadonlyMap<OptOutAttribute, boolean>,
    deadline: number,
  ): Promise<Carried>;
  /** The same values as target fields, for a profile that is being created. */
  toFields(mapping: CompiledMapping, values: ReadonlyMap<OptOutAttribute, boolean>): Promise<Fields>;
}

/** Opt-outs of Dynamics' contacts. Throws as DynamicsSource does. */
export interface DynamicsOptOutStore {
  /**
   * Writes these columns if the row still has this version; answers the version it has then. ConflictError: it has another one, nothing was written.
   * RefusedError: Dynamics will never take them. The write carries our tag.
   */
  write(
    mapping: CompiledMapping,
    id: RecordId,
    columns: Readonly<Record<string, boolean>>,
    version: RowVersion,
  ): Promise<RowVersion>;
  /** Into which row this one was merged, in the end; undefined: into none, or one that is gone. */
  masterOf(mapping: CompiledMapping, id: RecordId): Promise<RecordId | undefined>;
  /** When audit history says that a person last changed this column from true to false (epoch ms); undefined: it says no such thing. */
  lastOptIn(mapping: CompiledMapping, id: RecordId, column: string): Promise<number | undefined>;
}

/** One decision on one attribute of one contact, for the auditor. Ids, values and times only. */
export interface OptOutDecision {
  /** Unique; the same when the same decision is noted again. */
  id: string;
  /** When it was made (ISO). */
  at: string;
  table: string;
  record: RecordId;
  attribute: OptOutAttribute;
  column: string;
  direction: OptOutDirection;
  /** What was seen: values, and when each side last changed (ISO; Dynamics: the record, Campaign: the attribute). */
  dynamics: { value: boolean; changedAt?: string; version?: string };
  campaign: { value?: boolean; changedAt?: string };
  /** What was remembered of either side. */
  remembered: { dynamics?: boolean; campaign?: boolean };
  /** Name of the rule, a row of the truth table in optout/README.md. */
  rule: string;
  /** What was to be written, and where; none: both sides were left as they were. */
  wrote?: { side: "dynamics" | "campaign"; value: boolean };
  /** `announced`: the process may have died before or after the write; a later decision shows what came of it. */
  result: "announced" | "written" | "left" | "failed";
  /** What brought the record here, and the id that follows it through the logs. */
  cause: string;
  correlationId: string;
  /** Given by an operator. */
  by?: string;
}

/** Where decisions are kept. */
export interface DecisionLog {
  /** Notes decisions; one with an id that is known is replaced. */
  note(decisions: readonly OptOutDecision[]): Promise<void>;
}

/** All of it. */
export interface OptOutPorts {
  campaign: CampaignOptOutStore;
  dynamics: DynamicsOptOutStore;
  decisions: DecisionLog;
}
