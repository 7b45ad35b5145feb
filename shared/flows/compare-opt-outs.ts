// Contacts and their profiles, both as read in bulk: where their opt-outs differ, and what would become of each difference (design.md §5). The lane's own rules
// say so (rule-opt-outs.ts), with what is remembered of the record; nothing is written. Reading both sides is reconcile-opt-outs.ts.

import type { CompiledMapping } from "../mapping/compile.js";
import type { RecordId } from "../model/ids.js";
import type { CampaignOptOuts } from "../optout/attributes.js";
import { isOut } from "./keep-opt-outs.js";
import { mapLimit } from "./map-limit.js";
import type { VersionedRow } from "./ports.js";
import type { DifferenceKind, OptOutDifference, ReconcilePorts } from "./reconcile-ports.js";
import { type Job, makeJob, mayBeThere } from "./record-job.js";
import { type Ruling, ruleOn } from "./rule-opt-outs.js";
import { bareEnvelope } from "./sweep-envelopes.js";

const statesAtOnce = 16;

/** What the lane would say to every difference, if it looked now. Only records that differ cost a read of their state. */
export async function compareOptOuts(
  ports: ReconcilePorts,
  mapping: CompiledMapping,
  rows: readonly VersionedRow[],
  profiles: ReadonlyMap<RecordId, CampaignOptOuts>,
): Promise<OptOutDifference[]> {
  const rules = mapping.optOuts;
  if (!rules) return [];
  const settings = await ports.settings.current();
  const binding = await ports.binding();
  const differing = rows.filter((row) =>
    rules.attributes.some(({ attribute, column }) => {
      const there = profiles.get(row.id)?.get(attribute);
      return there !== undefined && there.value !== isOut(row.row, column);
    }),
  );
  const all = await mapLimit(differing, statesAtOnce, async (current) => {
    const stored = await ports.states.read(mapping.table.name, current.id);
    const news = {
      cause: "optout",
      occurredAt: iso(ports.clock.now()),
      settings: settings.version,
      nonce: "",
    } as const;
    const envelope = bareEnvelope(mapping, current.id, "optout", news);
    const nothingKnown = { state: { settings: settings.version, epoch: binding.epoch, present: false } };
    const job = makeJob({ ports, envelope, mapping, settings, binding }, stored ?? nothingKnown);
    const rulings = await ruleOn(job, rules, { current, campaign: profiles.get(current.id) });
    return rulings.flatMap((ruling) => toDifference(job, current, ruling));
  });
  return all.flat();
}

function toDifference(job: Job, current: VersionedRow, ruling: Ruling): OptOutDifference[] {
  const { attribute, column, dynamics, campaign, verdict } = ruling;
  const direction = job.mapping.optOuts?.direction;
  if (!direction || !campaign || campaign.value === dynamics) return [];
  const changedAt = (at: number | undefined) => (at === undefined ? {} : { changedAt: iso(at) });
  return [
    {
      kind: kindOf(job, ruling),
      table: job.mapping.table.name,
      record: current.id,
      attribute,
      column,
      direction,
      dynamics: { value: dynamics, version: current.version, ...changedAt(current.changedAt) },
      campaign: { value: campaign.value, ...changedAt(campaign.at) },
      rule: verdict.rule,
      ...(verdict.write && { wouldWrite: verdict.write }),
    },
  ];
}

function kindOf(job: Job, { dynamics, verdict: { rule, write } }: Ruling): DifferenceKind {
  if (write) return write.value ? "opts-out" : "opts-in";
  const direction = job.mapping.optOuts?.direction;
  // In both directions everything else would have been written, had the profile been ours.
  const isOpen = direction === "both" ? rule === "opt-in-not-seen" : rule.startsWith("opt-in-");
  const isWritable = dynamics || mayBeThere(job);
  return isOpen && isWritable ? "needs-word" : "not-ours";
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
