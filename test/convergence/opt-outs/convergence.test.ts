// Seeded histories of contacts whose opt-outs are kept equal, in every direction. What is checked of records besides is ../invariants.ts.

import { describe, expect, it } from "vitest";
import type { IngressPorts } from "../../../shared/flows/ports.js";
import { report } from "../verdict.js";
import { playOptOutSeed } from "./play.js";

const hourMs = 60 * 60_000;
const seedsPerTest = 25;
const blocks = Array.from({ length: 8 }, (_, block) => block * seedsPerTest + 1);

describe("a random history of choices on both sides under random faults", () => {
  it.each(blocks)(
    "ends with both sides as the direction says: nobody opted in without a newer choice, no opt-out lost (from seed %i)",
    async (first) => {
      let written = 0;
      for (let seed = first; seed < first + seedsPerTest; seed += 1) {
        const verdict = await playOptOutSeed(seed);

        if (verdict.violations.length > 0) expect.fail(report(verdict, "--opt-outs "));
        written += verdict.world.choices?.written ?? 0;
      }
      expect(written).toBeGreaterThan(seedsPerTest);
    },
    240_000,
  );

  it.each<{ what: string; rule: string; sabotage: (ports: IngressPorts) => IngressPorts }>([
    {
      what: "news of a choice in Campaign is lost on its way",
      rule: "no opt-out is lost",
      sabotage: (ports) => ({
        ...ports,
        queue: {
          ...ports.queue,
          send: (envelopes) => ports.queue.send(envelopes.filter(({ kind }) => kind !== "optout")),
        },
      }),
    },
    {
      what: "whatever Campaign says now counts as the newest choice",
      rule: "nobody is opted in without a newer choice of a person",
      sabotage: (ports) => ({
        ...ports,
        states: {
          ...ports.states,
          async read(table, id) {
            const found = await ports.states.read(table, id);
            if (!found?.state.optOuts) return found;
            const attributes = Object.fromEntries(
              Object.entries(found.state.optOuts.attributes).map(([name, one]) => [name, { ...one, campaign: true }]),
            );
            return { ...found, state: { ...found.state, optOuts: { ...found.state.optOuts, attributes } } };
          },
        },
        optOuts: {
          ...ports.optOuts,
          campaign: {
            ...ports.optOuts.campaign,
            async read(...given) {
              const shown = await ports.optOuts.campaign.read(...given);
              if (!shown) return shown;
              const at = ports.clock.now() + hourMs;
              return new Map([...shown].map(([name, one]) => [name, one.at === undefined ? one : { ...one, at }]));
            },
          },
        },
      }),
    },
  ])(
    "shows within a few seeds, if the product does that: $what",
    async ({ sabotage, rule }) => {
      const rules = new Set<string>();
      for (let seed = 500; seed <= 580 && !rules.has(rule); seed += 1) {
        const { violations } = await playOptOutSeed(seed, { sabotage, optOuts: "both" });
        for (const violation of violations) rules.add(violation.rule);
      }

      expect([...rules]).toContain(rule);
    },
    120_000,
  );
});
