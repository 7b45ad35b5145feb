import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../../infra/local/people.js";
import { makeRandom } from "../../infra/local/sim/random.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

const contacts = 1_000;
const kills = 10;
/** Decides the moments; SEED=<seed> npm run test:system plays the same ones again. */
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

describe(`kill -9 of the Functions host at ten random moments of the first load (seed ${seed})`, () => {
  it("the load goes on after each new start, both systems end up equal, and no profile exists twice", async () => {
    // Slow enough that ten kills fall into the load.
    system = await startSmallSystem(contacts, { CAMPAIGN_CALL_SECONDS: "2" }, 1_000);
    const { observer, state, startHost } = system;
    await observer.slow("campaign", 25);
    const counts: number[] = [];
    const random = makeRandom(seed);

    for (let kill = 0; kill < kills; kill += 1) {
      const host = await startHost();
      const reach = Math.floor(((kill + random()) * contacts) / (kills + 1));
      await eventually(`${reach} profiles`, async () => (await observer.profileCount()) >= reach || undefined, {
        withinMs: 120_000,
        everyMs: 5,
      });
      await host.kill();
      counts.push(await observer.profileCount());
    }
    await startHost();
    await system.agree(180_000);

    const load = await eventually("the end of the load", async () => {
      const values = (await state.checkpoints.read("ingress", "contact-load"))?.values;
      return values?.phase === "done" ? values : undefined;
    });
    expect(load.generation).toBe(1);
    expect(counts.filter((count) => count < contacts)).toHaveLength(kills);
    expect(await observer.profileCount()).toBe(contacts);
  }, 400_000);
});
