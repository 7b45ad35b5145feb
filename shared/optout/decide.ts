// Who wins: one attribute of one person, both sides read afresh (design.md §5). Pure. The truth table is README.md beside this file; each rule there
// has this name here and a test of its own. What is done about a verdict is flows/settle-opt-outs.ts.

import type { OptOutDirection, RememberedOptOut } from "./attributes.js";

/** What is known of one attribute. Times in epoch ms, by the clock of the side they are from. */
export interface OptOutQuestion {
  direction: OptOutDirection;
  /** `changedAt`: when the record, not the attribute, last changed, cut to whole seconds. `isUntouched`: its version is the one that is remembered. */
  dynamics: { value: boolean; changedAt: number; isUntouched: boolean };
  /** `at`: when the attribute last changed; undefined: never, or Campaign does not say. */
  campaign: { value: boolean; at?: number | undefined };
  remembered: RememberedOptOut;
  /** How far the two clocks may be apart, in ms. */
  skewMs: number;
  /** Opt-ins of Dynamics count only if its audit history has them: when it has the last one (epoch ms), or that it has none. */
  audited?: { optedInAt: number | undefined };
  /** An operator has confirmed this very opt-in. */
  confirmed?: boolean;
  /** A record that was merged into this one was opted out: that goes for this one, on both sides. */
  inherited?: boolean;
}

/** Names of the rules: rows of the truth table. */
export const optOutRules = [
  "equal",
  "disabled",
  "opt-out-in-dynamics",
  "opt-out-in-campaign",
  "opt-out-inherited",
  "opt-in-after-agreement",
  "opt-in-newer",
  "opt-in-confirmed",
  "opt-in-not-seen",
  "opt-in-not-newer",
  "opt-in-without-time",
  "opt-in-not-audited",
] as const;
/** See `optOutRules`. */
export type OptOutRule = (typeof optOutRules)[number];

/** The verdict: by which rule, and what is to be written where; nothing: both sides stay as they are. */
export interface OptOutVerdict {
  rule: OptOutRule;
  write?: { side: "dynamics" | "campaign"; value: boolean };
}

/** Times of Dynamics are cut to whole seconds; Campaign's may be. */
const resolutionMs = 1_000;

/**
 * Decides. `true` may always be written where the direction goes. `false` is written only for a change from true that was seen, on the side that the
 * direction comes from, and that is newer than whatever the other side did; or on an operator's word.
 */
export function decideOptOut(question: OptOutQuestion): OptOutVerdict {
  const { direction, dynamics, campaign, inherited } = question;
  if (direction === "disabled") return { rule: "disabled" };
  if (inherited && !dynamics.value) return { rule: "opt-out-inherited", write: { side: "dynamics", value: true } };
  if (inherited && !campaign.value) return { rule: "opt-out-inherited", write: { side: "campaign", value: true } };
  if (dynamics.value === campaign.value) return { rule: "equal" };
  if (direction === "toCampaign") {
    if (!dynamics.value) return optInOfDynamics(question);
    return { rule: "opt-out-in-dynamics", write: { side: "campaign", value: true } };
  }
  if (dynamics.value) return optInOfCampaign(question);
  // Also where Dynamics was changed last: its time is only of the record, so that the older opt-out may be the newer choice.
  return { rule: "opt-out-in-campaign", write: { side: "dynamics", value: true } };
}

/** Dynamics says no, Campaign says yes, and Campaign's choices count. */
function optInOfCampaign(question: OptOutQuestion): OptOutVerdict {
  const { direction, dynamics, campaign, remembered, skewMs, confirmed } = question;
  const optIn = { side: "dynamics", value: false } as const;
  if (confirmed) return { rule: "opt-in-confirmed", write: optIn };
  const stays = (rule: OptOutRule): OptOutVerdict =>
    direction === "both" ? { rule, write: { side: "campaign", value: true } } : { rule };
  const at = campaign.at ?? Number.NEGATIVE_INFINITY;
  const isNewer = at > dynamics.changedAt + resolutionMs + skewMs;
  if (remembered.campaign !== true) {
    // Perhaps a person's choice from before we looked: neither is undone until an operator has said which holds, however often we look.
    const wasLeft = remembered.dynamics === true && campaign.at === remembered.campaignAt;
    const isOpen = isNewer && (remembered.campaign === undefined || wasLeft);
    return isOpen || direction === "toDynamics" ? { rule: "opt-in-not-seen" } : stays("opt-out-in-dynamics");
  }
  if (campaign.at === undefined) return stays("opt-in-without-time");
  const isMoved = at > (remembered.campaignAt ?? Number.NEGATIVE_INFINITY);
  if (dynamics.isUntouched && isMoved) return { rule: "opt-in-after-agreement", write: optIn };
  return isNewer ? { rule: "opt-in-newer", write: optIn } : stays("opt-in-not-newer");
}

/**
 * Campaign says no, Dynamics says yes, and only the choices of Dynamics count. The record's time proves nothing about the choice: another edit moves it.
 * So Campaign must be as it was when both sides were last compared, or audit history must have the choice itself.
 */
function optInOfDynamics({ campaign, remembered, skewMs, audited, confirmed }: OptOutQuestion): OptOutVerdict {
  const optIn = { side: "campaign", value: false } as const;
  if (confirmed) return { rule: "opt-in-confirmed", write: optIn };
  if (remembered.dynamics !== true) return { rule: "opt-in-not-seen" };
  if (audited?.optedInAt !== undefined) {
    const isNewer = audited.optedInAt > (campaign.at ?? Number.NEGATIVE_INFINITY) + resolutionMs + skewMs;
    return isNewer ? { rule: "opt-in-newer", write: optIn } : { rule: "opt-in-not-newer" };
  }
  if (audited) return { rule: "opt-in-not-audited" };
  const isUntouched = remembered.campaign === true && campaign.at === remembered.campaignAt;
  return isUntouched ? { rule: "opt-in-after-agreement", write: optIn } : { rule: "opt-in-not-newer" };
}
