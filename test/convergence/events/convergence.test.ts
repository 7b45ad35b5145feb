// Seeded histories of e-mail events in one process (design.md §10). Not here: how a world is made (world.ts), what is checked (oracle.ts).

import { describe, expect, it } from "vitest";
import { report } from "../verdict.js";
import { playEventSeed } from "./play.js";
import { sabotages } from "./sabotages.js";

const seedsPerTest = 10;
const blocks = Array.from({ length: 10 }, (_, block) => block * seedsPerTest + 1);
/** Within so many seeds a broken product is noticed. */
const patience = 40;

describe("a random history of e-mail events under random faults", () => {
  it.each(blocks)(
    "ends with every event on its contact's timeline once, whole, or accounted for, whatever went wrong on the way (from seed %i)",
    async (first) => {
      for (let seed = first; seed < first + seedsPerTest; seed += 1) {
        const verdict = await playEventSeed(seed);

        if (verdict.violations.length > 0) expect.fail(report(verdict, "--events "));
      }
    },
    120_000,
  );

  it.each(Object.entries(sabotages))(
    "shows within some seeds that %s is missing, if the product leaves it out",
    async (_what, sabotage) => {
      const rules = new Set<string>();
      for (let seed = 1; seed <= patience && rules.size === 0; seed += 1) {
        const { violations } = await playEventSeed(seed, sabotage);
        for (const { rule } of violations) rules.add(rule);
      }

      expect([...rules]).not.toEqual([]);
    },
    120_000,
  );

  it("is the same history every time its seed is played", async () => {
    const [once, again] = [await playEventSeed(7), await playEventSeed(7)];

    expect(again.world.trace.all).toEqual(once.world.trace.all);
  }, 60_000);
});
