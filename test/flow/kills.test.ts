import { describe, expect, it } from "vitest";
import type { LoadPace } from "../../shared/flows/fill-lanes.js";
import { sweep } from "../../shared/flows/sweep.js";
import type { Row } from "../../shared/model/row.js";
import { type IngressWorld, Killed, type KillPlan, makeIngressWorld } from "../support/ingress-world.js";
import { recordId } from "../support/samples.js";

const pace: LoadPace = { pageSize: 2, maxDepth: 50, lanes: 2, pollMs: 10, followMs: 1_000 };
const minute = 60_000;

/** Three contacts loaded, then one created, two edited and one deleted, found by the sweep. */
async function play(world: IngressWorld): Promise<void> {
  const { dynamics } = world;
  for (const number of [1, 2, 3]) dynamics.put(recordId(number), person(number));
  await cycle(world);
  dynamics.put(recordId(4), person(4));
  dynamics.put(recordId(1), { ...person(1), lastname: "Neuhaus" });
  dynamics.put(recordId(2), { ...person(2), jobtitle: "not mapped" });
  dynamics.remove(recordId(3));
  await cycle(world);
}

function person(number: number): Row {
  return { lastname: `Birkholz${"abcdefgh"[number]}`, emailaddress1: `contact.${number}@example.com` };
}

/** One sweep and everything that comes of it; a killed process is followed by a new one that sweeps again. */
async function cycle(world: IngressWorld): Promise<void> {
  for (;;) {
    try {
      await sweep(world.busyPorts(), pace, world.clock.now() + minute);
      await world.drain();
      return;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      world.restart();
    }
  }
}

function expectAgreement(world: IngressWorld): void {
  const held = world.profiles().map(({ externalId, lastName, email }) => ({ externalId, lastName, email }));
  const wanted = [...world.dynamics.rows().values()].map(({ id, row }) => ({
    externalId: id,
    lastName: row.lastname,
    email: row.emailaddress1,
  }));
  const byKey = (a: { externalId: unknown }, b: { externalId: unknown }) =>
    String(a.externalId).localeCompare(String(b.externalId));
  expect(held.sort(byKey)).toEqual(wanted.sort(byKey));
}

describe("a process killed at any call of any peer", () => {
  it("leaves both systems equal after the next start, with no profile twice and no call at rest", async () => {
    const whole = await makeIngressWorld();
    await play(whole);
    const calls = whole.calls();
    expectAgreement(whole);

    for (let call = 1; call <= calls; call += 1) {
      for (const when of ["before", "after"] satisfies KillPlan["when"][]) {
        const world = await makeIngressWorld();
        world.killAt({ call, when });
        await play(world);
        const atRest = world.campaignCalls();
        await cycle(world);

        expectAgreement(world);
        expect(world.campaignCalls(), `call ${call}, killed ${when}: a call although nothing changed`).toBe(atRest);
      }
    }
    expect(calls).toBeGreaterThan(40);
  }, 60_000);

  it("writes no more than once again what was under way when it died", async () => {
    const whole = await makeIngressWorld();
    await play(whole);

    for (let call = 1; call <= whole.calls(); call += 1) {
      const world = await makeIngressWorld();
      world.killAt({ call, when: "after" });
      await play(world);

      expect(world.campaignCalls()).toBeLessThanOrEqual(whole.campaignCalls() + 2);
    }
  }, 60_000);
});

describe("two holders of one lane", () => {
  it("do not both write: the second waits until the first one's announced call can no longer take effect", async () => {
    const world = await makeIngressWorld();
    world.dynamics.put(recordId(1), person(1));
    await sweep(world.ports, pace, world.clock.now() + minute);
    // The first holder reads the state and when tracking began, stores its intent, writes the profile, and dies before it can say so.
    world.killAt({ call: 4, when: "after" });
    await expect(world.drain()).rejects.toThrow(Killed);
    const died = world.clock.now();
    const written = world.campaignCalls();
    world.restart();

    await world.drain();

    expect(written).toBe(1);
    expect(world.clock.now() - died).toBeGreaterThanOrEqual(world.ports.campaignBudgetMs);
    expectAgreement(world);
  });
});
