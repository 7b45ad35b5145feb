// Seeded histories of the whole system in one process (design.md §10). Not here: how a world is made (world.ts), what is checked (invariants.ts).

import { describe, expect, it } from "vitest";
import type { IngressPorts } from "../../shared/flows/ports.js";
import { playSeed } from "./play.js";
import { report } from "./verdict.js";

const seedsPerTest = 25;
const blocks = Array.from({ length: 12 }, (_, block) => block * seedsPerTest + 1);

describe("a random history under random faults", () => {
  it.each(blocks)(
    "ends with Campaign equal to Dynamics or a failure that says why, whatever went wrong on the way (from seed %i)",
    async (first) => {
      for (let seed = first; seed < first + seedsPerTest; seed += 1) {
        const verdict = await playSeed(seed);

        if (verdict.violations.length > 0) expect.fail(report(verdict));
      }
    },
    240_000,
  );

  it("shows within a few seeds that announced calls are forgotten, if the product does that", async () => {
    const forgetful = (ports: IngressPorts): IngressPorts => ({
      ...ports,
      states: {
        ...ports.states,
        async read(table, id) {
          const found = await ports.states.read(table, id);
          if (!found) return found;
          const { intent: _intent, ...state } = found.state;
          return { ...found, state };
        },
      },
    });

    const rules = new Set<string>();
    // Rare: the guard against calls that echo catches most of it.
    for (let seed = 200; seed <= 260 && rules.size === 0; seed += 1) {
      const { violations } = await playSeed(seed, { sabotage: forgetful });
      for (const { rule } of violations) rules.add(rule);
    }

    expect([...rules]).not.toEqual([]);
  }, 120_000);

  it("is the same history every time its seed is played", async () => {
    const [once, again] = [await playSeed(7), await playSeed(7)];

    expect(again.world.trace.all).toEqual(once.world.trace.all);
  }, 60_000);
});
