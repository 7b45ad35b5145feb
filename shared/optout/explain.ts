// A decision on an opt-out as a sentence for somebody who knows neither tables nor rules. Pure. What was decided, and by which rule, is decide.ts.

import type { OptOutAttribute } from "./attributes.js";
import { type OptOutRule, optOutRules } from "./decide.js";

/** What a sentence is made of; times are ISO. `by`: an operator. */
export interface ExplainedDecision {
  attribute: OptOutAttribute;
  dynamics: { value: boolean; changedAt?: string };
  campaign: { value?: boolean; changedAt?: string };
  rule: string;
  wrote?: { side: "dynamics" | "campaign"; value: boolean };
  /** `planned`: this is what would be decided; nothing has been. */
  result: "announced" | "written" | "left" | "failed" | "planned";
  by?: string;
}

/**
 * E.g. "Opted out of e-mail in Campaign on 2026-03-01 10:00:00 UTC, later than the last change of the record in Dynamics: opt-out written to Dynamics."
 * A rule that is not known here is named.
 */
export function explainDecision(decision: ExplainedDecision): string {
  const rule = optOutRules.find((one) => one === decision.rule);
  const why = rule ? reasons[rule](decision) : `Decided by the rule ${decision.rule}`;
  return `${why}: ${outcome(decision)}.`;
}

const subjects: Readonly<Record<OptOutAttribute, string>> = {
  any: "all contact",
  email: "e-mail",
  fax: "fax",
  mobile: "SMS",
  phone: "phone calls",
  postalMail: "postal mail",
  push: "push notifications",
  ccpa: "the sale of personal data",
};

const reasons: Readonly<Record<OptOutRule, (decision: ExplainedDecision) => string>> = {
  equal: (decision) => `Dynamics and Campaign say the same about ${subjectOf(decision)}`,
  disabled: () => "The settings keep no opt-outs equal",
  "opt-out-in-dynamics": (decision) => `Opted out of ${subjectOf(decision)} in Dynamics${unlessCampaign(decision)}`,
  "opt-out-in-campaign": (decision) =>
    `Opted out of ${subjectOf(decision)} in Campaign${on(decision.campaign.changedAt)}${againstDynamics(decision)}`,
  "opt-out-inherited": (decision) =>
    `A record that was merged into this one had opted out of ${subjectOf(decision)}, and both are one person`,
  "opt-in-after-agreement": (decision) =>
    `${optedIn(decision)}, after both sides had agreed and with no change in ${silentSide(decision)} since`,
  "opt-in-newer": (decision) =>
    decision.dynamics.value
      ? `${optedIn(decision)}, surely later than any change of the record in Dynamics${lastOn(decision.dynamics.changedAt)}`
      : `${optedIn(decision)}, by its audit history surely later than the opt-out in Campaign${on(decision.campaign.changedAt)}`,
  "opt-in-confirmed": (decision) =>
    `${decision.by === undefined ? "An operator" : `Operator ${decision.by}`} confirmed that ${actingSide(decision)} is right about ${subjectOf(decision)}`,
  "opt-in-not-seen": (decision) =>
    `Only ${silentSide(decision)} says opted out of ${subjectOf(decision)}, and nobody was seen to take that back in ${actingSide(decision)}`,
  "opt-in-not-newer": (decision) =>
    decision.dynamics.value
      ? `${optedIn(decision)}, not surely later than the last change of the record in Dynamics${on(decision.dynamics.changedAt)}`
      : `${optedIn(decision)}, not surely later than the opt-out in Campaign${on(decision.campaign.changedAt)}`,
  "opt-in-without-time": (decision) => `${optedIn(decision)}, which does not say when`,
  "opt-in-not-audited": (decision) => `${optedIn(decision)}, but its audit history has no such change by a person`,
};

function subjectOf({ attribute }: ExplainedDecision): string {
  return subjects[attribute];
}

/** The side that says "may be contacted", and the one that does not: where an opt-in is asked for, they differ. */
function actingSide({ dynamics }: ExplainedDecision): "Campaign" | "Dynamics" {
  return dynamics.value ? "Campaign" : "Dynamics";
}

function silentSide({ dynamics }: ExplainedDecision): "Campaign" | "Dynamics" {
  return dynamics.value ? "Dynamics" : "Campaign";
}

function optedIn(decision: ExplainedDecision): string {
  // Dynamics has no time of the choice, only of the record.
  const when = decision.dynamics.value ? on(decision.campaign.changedAt) : "";
  return `Opted back in to ${subjectOf(decision)} in ${actingSide(decision)}${when}`;
}

function unlessCampaign({ campaign }: ExplainedDecision): string {
  if (campaign.changedAt === undefined || campaign.value !== false) return "";
  return `, which no opt-in that was seen in Campaign has taken back (last change there${on(campaign.changedAt)})`;
}

/** An opt-in made in Dynamics goes back by this: people ask why. */
function againstDynamics({ dynamics, campaign }: ExplainedDecision): string {
  if (dynamics.changedAt === undefined || campaign.changedAt === undefined) return "";
  if (Date.parse(campaign.changedAt) > Date.parse(dynamics.changedAt)) {
    return ", later than the last change of the record in Dynamics";
  }
  return `; the record in Dynamics changed later${lastOn(dynamics.changedAt)}, but that may have been another of its fields, so the opt-out holds`;
}

function outcome(decision: ExplainedDecision): string {
  const { wrote, result } = decision;
  if (!wrote) return nothing(decision);
  const choice = wrote.value ? "opt-out" : "opt-in";
  const side = wrote.side === "dynamics" ? "Dynamics" : "Campaign";
  switch (result) {
    case "written":
      return `${choice} written to ${side}`;
    case "announced":
      return `${choice} about to be written to ${side}; a later decision shows what came of it`;
    case "planned":
      return `${choice} would be written to ${side}`;
    case "failed":
      return `${choice} not written to ${side}, see the failure of this record`;
    case "left":
      return "both sides left as they are";
  }
}

function nothing({ rule, campaign }: ExplainedDecision): string {
  if (rule === "equal") return "nothing to do";
  if (rule === "opt-in-not-seen") return "both sides left as they are until an operator says which holds";
  if (!rule.startsWith("opt-out-")) return "both sides left as they are";
  return campaign.value === undefined
    ? "nothing written, for Campaign has no profile of this contact"
    : "nothing written, for the profile in Campaign is not one of ours";
}

function on(iso: string | undefined): string {
  return iso === undefined ? "" : ` on ${inWords(iso)}`;
}

function lastOn(iso: string | undefined): string {
  return iso === undefined ? "" : ` (on ${inWords(iso)})`;
}

function inWords(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}
