// Both sides of one contact's opt-outs, read afresh, and what optout/decide.ts says of each attribute. Writes nothing but the decisions that the auditor
// reads; carrying them out is settle-opt-outs.ts.

import { createHash } from "node:crypto";
import type { CompiledOptOuts } from "../mapping/compile.js";
import type { CampaignOptOut, CampaignOptOuts, OptOutAttribute, RememberedOptOut } from "../optout/attributes.js";
import { decideOptOut, type OptOutVerdict } from "../optout/decide.js";
import { isOut } from "./keep-opt-outs.js";
import type { OptOutDecision } from "./optout-ports.js";
import type { VersionedRow } from "./ports.js";
import { type Job, mayBeThere, readRow } from "./record-job.js";

/** Both sides of one record, as read a moment ago. `campaign` undefined: there is no profile. */
export interface Sides {
  current: VersionedRow;
  campaign: CampaignOptOuts | undefined;
}

/** One attribute with its verdict. */
export interface Ruling {
  attribute: OptOutAttribute;
  column: string;
  dynamics: boolean;
  campaign: CampaignOptOut | undefined;
  /** As the auditor is to see it. */
  remembered: RememberedOptOut;
  verdict: OptOutVerdict;
}

/**
 * The side whose choices count is read last where one side's silence since the last comparison is to prove that the other one's act is newer: whatever
 * the first one did before, the second one's act came after.
 */
export async function readSides(
  job: Job,
  rules: CompiledOptOuts,
  known: VersionedRow | undefined,
): Promise<Sides | undefined> {
  const { ports, mapping, envelope } = job;
  const readCampaign = (): Promise<CampaignOptOuts | undefined> =>
    ports.optOuts.campaign.read(mapping, envelope.id, ports.clock.now() + ports.campaignBudgetMs);
  if (rules.direction === "toCampaign") {
    const campaign = await readCampaign();
    const current = await readRow(job);
    return current && { current, campaign };
  }
  const current = known?.changedAt === undefined ? await readRow(job) : known;
  return current && { current, campaign: await readCampaign() };
}

/** The verdict on every mapped attribute. */
export async function ruleOn(job: Job, rules: CompiledOptOuts, { current, campaign }: Sides): Promise<Ruling[]> {
  const { envelope, state, ports, mapping } = job;
  const rulings: Ruling[] = [];
  const isAnother = state.optOuts?.createdAt !== current.createdAt;
  for (const { attribute, column } of rules.attributes) {
    const dynamics = isOut(current.row, column);
    const { dynamics: was, ...rest } = state.optOuts?.attributes[attribute] ?? {};
    // A contact that was deleted and made anew, or may have been, has not been opted in by anybody.
    const shown = campaign?.get(attribute);
    // A run that died had announced an opt-out and not written it yet: nobody in Campaign has taken it back.
    const isUnwritten = state.optOuts?.open === true && shown?.value === false && shown.at === rest.campaignAt;
    const remembered: RememberedOptOut = {
      ...rest,
      ...(was !== undefined && !isAnother && { dynamics: was }),
      ...(isUnwritten && rest.campaign === true && { campaign: false }),
    };
    // Without a profile, or where the instance has no such attribute, what Campaign's side last said still counts.
    const there = shown ?? { value: remembered.campaign === true };
    const mayBeOptIn = rules.audited && !dynamics && there.value && remembered.dynamics === true;
    const verdict = decideOptOut({
      direction: rules.direction,
      dynamics: {
        value: dynamics,
        changedAt: current.changedAt ?? ports.clock.now(),
        isUntouched: state.optOuts?.version === current.version,
      },
      campaign: there,
      remembered,
      skewMs: rules.skewMs,
      ...(mayBeOptIn && {
        audited: { optedInAt: await ports.optOuts.dynamics.lastOptIn(mapping, envelope.id, column) },
      }),
      confirmed: isConfirmed(job, current, attribute, there),
      inherited: envelope.optOuts?.includes(attribute) === true,
    });
    // A profile that we did not make, or that is not there, is never written.
    const isOurs = verdict.write?.side !== "campaign" || (campaign?.has(attribute) === true && mayBeThere(job));
    rulings.push({
      attribute,
      column,
      dynamics,
      campaign: shown,
      remembered: { ...remembered, ...(was !== undefined && { dynamics: was }) },
      verdict: isOurs ? verdict : { rule: verdict.rule },
    });
  }
  return rulings;
}

/** An operator's word holds for what was on the list, as it was then, and once. */
function isConfirmed(
  { envelope, state, mapping }: Job,
  current: VersionedRow,
  attribute: OptOutAttribute,
  there: CampaignOptOut,
): boolean {
  const { confirmed } = envelope;
  if (confirmed?.version !== current.version) return false;
  const at = confirmed.at[attribute];
  if (at === undefined || at !== (there.at ?? null)) return false;
  // Once carried out, another version of the row ends the word. Where Campaign is written, its time does; without a time nothing would tell.
  const isBegun = state.optOuts?.word !== undefined && state.optOuts.word === envelope.nonce;
  if (!isBegun || mapping.optOuts?.direction !== "toCampaign") return true;
  return state.optOuts?.open === true && at !== null;
}

/** Keeps decisions for the auditor; two equal sides are none. */
export async function noteDecisions(
  { ports, mapping, envelope }: Job,
  { current }: Sides,
  rulings: readonly Ruling[],
  result: OptOutDecision["result"],
): Promise<void> {
  const direction = mapping.optOuts?.direction ?? "disabled";
  const at = new Date(ports.clock.now()).toISOString();
  const iso = (ms: number | undefined) => (ms === undefined ? {} : { changedAt: new Date(ms).toISOString() });
  const decisions = rulings
    .filter(({ verdict }) => verdict.rule !== "equal")
    .map(({ attribute, column, dynamics, campaign, remembered, verdict }): OptOutDecision => {
      const { dynamics: d, campaign: c } = remembered;
      return {
        id: decisionId([
          envelope.table,
          envelope.id,
          attribute,
          verdict.rule,
          current.version,
          String(campaign?.at ?? ""),
        ]),
        at,
        table: envelope.table,
        record: envelope.id,
        attribute,
        column,
        direction,
        dynamics: { value: dynamics, version: current.version, ...iso(current.changedAt) },
        campaign: { ...(campaign && { value: campaign.value }), ...iso(campaign?.at) },
        remembered: { ...(d !== undefined && { dynamics: d }), ...(c !== undefined && { campaign: c }) },
        rule: verdict.rule,
        ...(verdict.write && { wrote: verdict.write }),
        result,
        cause: envelope.cause,
        correlationId: envelope.correlationId,
        ...(envelope.confirmed && verdict.rule === "opt-in-confirmed" && { by: envelope.confirmed.by }),
      };
    });
  if (decisions.length > 0) await ports.optOuts.decisions.note(decisions);
}

function decisionId(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\u0000")).digest("hex").slice(0, 32);
}
