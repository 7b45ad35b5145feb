import { describe, expect, it } from "vitest";
import { optOutAttributes } from "../../../shared/optout/attributes.js";
import { optOutRules } from "../../../shared/optout/decide.js";
import { type ExplainedDecision, explainDecision } from "../../../shared/optout/explain.js";
import { aDecision } from "../../support/samples.js";

const noon = "2026-03-01T12:00:00.000Z";
const one = "2026-03-01T13:00:00.000Z";
/** Campaign says yes at one, Dynamics says no and its record changed at noon. */
const optInOfCampaign = {
  dynamics: { value: true, changedAt: noon },
  campaign: { value: false, changedAt: one },
  wrote: { side: "dynamics", value: false },
} as const;
/** Dynamics says yes and its record changed at one, Campaign says no since noon. */
const optInOfDynamics = {
  dynamics: { value: false, changedAt: one },
  campaign: { value: true, changedAt: noon },
  wrote: { side: "campaign", value: false },
} as const;

/** The sentence of a decision that wrote something, or nothing at all. */
function sentence(changes: Partial<ExplainedDecision>): string {
  const { wrote: _wrote, ...decision } = aDecision();
  return explainDecision({ ...decision, ...changes });
}

describe("a decision in words", () => {
  it.each<[string, Partial<ExplainedDecision>, string]>([
    [
      "an opt-out made in Campaign",
      {
        rule: "opt-out-in-campaign",
        dynamics: { value: false, changedAt: noon },
        campaign: { value: true, changedAt: one },
        wrote: { side: "dynamics", value: true },
      },
      "Opted out of e-mail in Campaign on 2026-03-01 13:00:00 UTC, later than the last change of the record in Dynamics: opt-out written to Dynamics.",
    ],
    [
      "an opt-in made in Dynamics that goes back",
      {
        rule: "opt-out-in-campaign",
        dynamics: { value: false, changedAt: one },
        campaign: { value: true, changedAt: noon },
        wrote: { side: "dynamics", value: true },
      },
      "Opted out of e-mail in Campaign on 2026-03-01 12:00:00 UTC; the record in Dynamics changed later (on 2026-03-01 13:00:00 UTC), but that may have been another of its fields, so the opt-out holds: opt-out written to Dynamics.",
    ],
    [
      "an opt-out by push, which has no time",
      {
        rule: "opt-out-in-campaign",
        attribute: "push",
        campaign: { value: true },
        wrote: { side: "dynamics", value: true },
      },
      "Opted out of push notifications in Campaign: opt-out written to Dynamics.",
    ],
    [
      "an opt-out made in Dynamics",
      {
        rule: "opt-out-in-dynamics",
        attribute: "any",
        dynamics: { value: true, changedAt: one },
        campaign: { value: false },
        wrote: { side: "campaign", value: true },
        result: "announced",
      },
      "Opted out of all contact in Dynamics: opt-out about to be written to Campaign; a later decision shows what came of it.",
    ],
    [
      "an opt-out of a contact whose profile is gone",
      { rule: "opt-out-in-dynamics", dynamics: { value: true }, campaign: {}, result: "left" },
      "Opted out of e-mail in Dynamics: nothing written, for Campaign has no profile of this contact.",
    ],
    [
      "an opt-in in Campaign that is surely newer",
      { rule: "opt-in-newer", ...optInOfCampaign },
      "Opted back in to e-mail in Campaign on 2026-03-01 13:00:00 UTC, surely later than any change of the record in Dynamics (on 2026-03-01 12:00:00 UTC): opt-in written to Dynamics.",
    ],
    [
      "an opt-in in Dynamics that audit history has",
      { rule: "opt-in-newer", ...optInOfDynamics },
      "Opted back in to e-mail in Dynamics, by its audit history surely later than the opt-out in Campaign on 2026-03-01 12:00:00 UTC: opt-in written to Campaign.",
    ],
    [
      "an opt-in after both sides had agreed",
      { rule: "opt-in-after-agreement", ...optInOfDynamics },
      "Opted back in to e-mail in Dynamics, after both sides had agreed and with no change in Campaign since: opt-in written to Campaign.",
    ],
    [
      "an opt-in that nobody saw",
      {
        rule: "opt-in-not-seen",
        dynamics: optInOfDynamics.dynamics,
        campaign: optInOfDynamics.campaign,
        result: "left",
      },
      "Only Campaign says opted out of e-mail, and nobody was seen to take that back in Dynamics: both sides left as they are until an operator says which holds.",
    ],
    [
      "an opt-in that an operator confirmed",
      { rule: "opt-in-confirmed", by: "ada", ...optInOfCampaign },
      "Operator ada confirmed that Campaign is right about e-mail: opt-in written to Dynamics.",
    ],
    [
      "an opt-out that Dynamics refused",
      {
        rule: "opt-out-in-campaign",
        campaign: { value: true },
        wrote: { side: "dynamics", value: true },
        result: "failed",
      },
      "Opted out of e-mail in Campaign: opt-out not written to Dynamics, see the failure of this record.",
    ],
    [
      "a decision by a rule of another version of the app",
      { rule: "by-lot", result: "left" },
      "Decided by the rule by-lot: both sides left as they are.",
    ],
  ])("tells of %s", (_what, changes, expected) => {
    expect(sentence({ result: "written", ...changes })).toBe(expected);
  });

  it.each(optOutRules)(
    "is a sentence without gaps for the rule %s, whatever the attribute and whatever is not known",
    (rule) => {
      for (const attribute of optOutAttributes) {
        for (const sides of [optInOfCampaign, optInOfDynamics]) {
          const timeless = { dynamics: { value: sides.dynamics.value }, campaign: { value: sides.campaign.value } };
          for (const text of [sentence({ ...sides, rule, attribute }), sentence({ ...timeless, rule, attribute })]) {
            expect(text).toMatch(/^[A-Z].*[\w)]: .*[a-z]\.$/);
            expect(text).not.toMatch(/undefined|null| {2}|\(\)| ,/);
          }
        }
      }
    },
  );
});
