import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { OptOutDirection } from "../../../shared/optout/attributes.js";
import { decideOptOut, type OptOutQuestion, optOutRules } from "../../../shared/optout/decide.js";

/** The rows of the truth table, as the README has them. */
const rows = readFileSync("shared/optout/README.md", "utf8")
  .split("\n")
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(
    ([, number = "", direction = "", dynamics = "", campaign = "", d = "", c = "", also = "", written = "", rule]) => ({
      number,
      title: `${direction}: Dynamics ${dynamics}, Campaign ${campaign}, remembered ${d} and ${c} ${also}`,
      question: questionOf({ direction, dynamics, campaign, d, c, also }),
      written,
      rule,
    }),
  );

function questionOf(row: Record<"direction" | "dynamics" | "campaign" | "d" | "c" | "also", string>): OptOutQuestion {
  const dynamics = sideOf(row.dynamics);
  const campaign = sideOf(row.campaign);
  const remembered = sideOf(row.c);
  const audited = /^audited (?:@(\d+)|never)$/.exec(row.also);
  if (!dynamics || !campaign) throw new Error(`row without values: ${JSON.stringify(row)}`);
  return {
    direction: row.direction as OptOutDirection,
    dynamics: { value: dynamics.value, changedAt: dynamics.at ?? Number.NaN, isUntouched: row.also === "untouched" },
    campaign: { value: campaign.value, at: campaign.at },
    remembered: {
      ...(row.d !== "-" && { dynamics: row.d === "out" }),
      ...(remembered && { campaign: remembered.value }),
      ...(remembered?.at !== undefined && { campaignAt: remembered.at }),
    },
    skewMs: 5_000,
    ...(audited && { audited: { optedInAt: audited[1] === undefined ? undefined : Number(audited[1]) * 1_000 } }),
    ...(row.also === "confirmed" && { confirmed: true }),
    ...(row.also === "inherited" && { inherited: true }),
  };
}

function sideOf(text: string): { value: boolean; at: number | undefined } | undefined {
  const match = /^(in|out) @(-|\d+)$/.exec(text);
  return match ? { value: match[1] === "out", at: match[2] === "-" ? undefined : Number(match[2]) * 1_000 } : undefined;
}

describe("the truth table of opt-outs", () => {
  it.each(rows)("row $number holds: $title", ({ question, written, rule }) => {
    const verdict = decideOptOut(question);

    const [side = "", value] = written.split(" ");
    const write = written === "nothing" ? {} : { write: { side: side.toLowerCase(), value: value === "out" } };
    expect(verdict).toEqual({ rule, ...write });
  });

  it("has a row for every rule, and no row for one that is not there", () => {
    expect(new Set(rows.map(({ rule }) => rule))).toEqual(new Set(optOutRules));
  });

  it("has no question whose answer opts somebody in who was not seen to be opted out, unless an operator says so", () => {
    const wrong = everyQuestion().filter((question) => {
      const { write } = decideOptOut(question);
      const { remembered } = question;
      const seen = write?.side === "dynamics" ? remembered.campaign : remembered.dynamics;
      return write?.value === false && seen !== true;
    });

    expect(wrong).toEqual([]);
  });

  it("has no question whose answer opts somebody in on the older side's word", () => {
    const wrong = everyQuestion().filter(({ dynamics, campaign, skewMs, remembered, ...question }) => {
      const { write } = decideOptOut({ dynamics, campaign, skewMs, remembered, ...question });
      if (write?.value !== false) return false;
      if (write.side === "dynamics") return !(dynamics.isUntouched || (campaign.at ?? 0) > dynamics.changedAt + skewMs);
      return campaign.at !== remembered.campaignAt || remembered.campaign !== true;
    });

    expect(wrong).toEqual([]);
  });

  it("has no question to which it says different things when both sides were written as it said", () => {
    for (const question of everyQuestion()) {
      const { write } = decideOptOut(question);
      if (!write) continue;
      const after: OptOutQuestion = {
        ...question,
        dynamics: { ...question.dynamics, value: write.side === "dynamics" ? write.value : question.dynamics.value },
        campaign: { ...question.campaign, value: write.side === "campaign" ? write.value : question.campaign.value },
      };

      expect(decideOptOut(after)).toEqual({ rule: "equal" });
    }
  });
});

/** Every question with few times, without audit and without an operator's word. */
function everyQuestion(): OptOutQuestion[] {
  const flags = [true, false];
  const seen = [true, false, undefined];
  const times = [undefined, 1_000, 6_000, 7_000, 8_000, 20_000];
  const questions: OptOutQuestion[] = [];
  for (const direction of ["toCampaign", "toDynamics", "both"] as const)
    for (const d of flags)
      for (const c of flags)
        for (const isUntouched of flags)
          for (const dynamics of seen)
            for (const campaign of seen)
              for (const at of times)
                for (const campaignAt of times)
                  for (const changedAt of [1_000, 7_000, 20_000])
                    questions.push({
                      direction,
                      dynamics: { value: d, changedAt, isUntouched },
                      campaign: { value: c, at },
                      remembered: {
                        ...(dynamics !== undefined && { dynamics }),
                        ...(campaign !== undefined && { campaign }),
                        ...(campaignAt !== undefined && { campaignAt }),
                      },
                      skewMs: 5_000,
                    });
  return questions;
}
