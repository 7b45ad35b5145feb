import { beforeEach, describe, expect, it } from "vitest";
import { UnavailableError } from "../../shared/errors.js";
import { handleChange } from "../../shared/flows/handle-change.js";
import type { Envelope } from "../../shared/model/envelope.js";
import type { Row } from "../../shared/model/row.js";
import { type IngressWorld, Killed, makeIngressWorld } from "../support/ingress-world.js";
import { anEnvelope, recordId } from "../support/samples.js";
import { makeTwoSystems, openFailures } from "./two-systems.js";

const id = recordId(1);
const ann: Row = { lastname: "Abendrot", firstname: "Ann" };

let world: IngressWorld;
beforeEach(async () => {
  world = await makeIngressWorld();
});

/** News of the row as it is now, without the row. */
const news = (row: Row, changes: Partial<Envelope> = {}): Envelope =>
  anEnvelope({ version: world.dynamics.put(id, row), ...changes });
const writes = () => world.writes(id).length;

describe("B26: the same message is processed twice, by the wrong holder, or after its lock was lost", () => {
  it("has one effect when a message is delivered again after its work was done", async () => {
    const envelope = news(ann);

    await handleChange(world.ports, envelope);
    world.clock.advance(60_000);
    await handleChange(world.ports, envelope);

    expect([writes(), world.campaignCalls()]).toEqual([1, 1]);
  });

  it("has one effect when two holders of the lane work on it at the same moment: one of them loses at the state", async () => {
    const envelope = news(ann);

    await Promise.all([handleChange(world.ports, envelope), handleChange(world.ports, envelope)]);
    await world.drain();

    expect(writes()).toBe(1);
    expect(world.profiles()).toMatchObject([{ lastName: "Abendrot" }]);
    expect(await openFailures(world)).toEqual([]);
  });

  it("lets a holder that lost its lock in the middle of its call neither undo nor hide what the next one wrote", async () => {
    const stalled = await stallInCampaign(news(ann));

    // The next holder waits until the announced call cannot take effect any more, and then writes.
    const met = await handleChange(world.ports, news({ ...ann, lastname: "Neuhaus" }));
    await world.drain();
    const between = world.profiles();
    stalled.release();
    await stalled.ended;
    await world.drain();

    expect(met.outcome).toBe("delayed");
    expect(between).toMatchObject([{ lastName: "Neuhaus" }]);
    expect(world.profiles()).toMatchObject([{ lastName: "Neuhaus" }]);
    expect(await openFailures(world)).toEqual([]);
  });

  it("ends with one profile, right and without a failure, whichever call of the work was the process's last", async () => {
    await world.queue.send([news(ann)]);
    await world.drain();
    const calls = world.calls();

    for (let call = 1; call <= calls; call += 1) {
      world = await makeIngressWorld();
      await world.queue.send([news(ann)]);
      world.killAt({ call, when: "after" });
      await expect(world.drain()).rejects.toThrow(Killed);
      world.restart();
      await world.drain();

      expect(world.profiles(), `killed after call ${call}`).toMatchObject([{ lastName: "Abendrot" }]);
      // Only a call whose answer nobody noted is made once more.
      expect(writes()).toBeLessThanOrEqual(2);
      expect(await openFailures(world)).toEqual([]);
    }
    expect(calls).toBeGreaterThan(3);
  });
});

/** A holder whose call to Campaign does not come back until it is released. */
async function stallInCampaign(envelope: Envelope): Promise<{ release(): void; ended: Promise<unknown> }> {
  const { insert } = world.ports.campaign;
  const [reached, released] = [signal(), signal()];
  world.ports.campaign.insert = async (...given) => {
    world.ports.campaign.insert = insert;
    reached.give();
    await released.given;
    return insert(...given);
  };
  const ended = handleChange(world.ports, envelope).catch((error: unknown) => error);
  await reached.given;
  return { release: released.give, ended };
}

function signal(): { given: Promise<void>; give(): void } {
  let give = (): void => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
}

describe("B33: one change sets the work off four times", () => {
  it("writes once what four notices, a sweep and a second door bring", async () => {
    const systems = await makeTwoSystems();
    const contact = await systems.create("contacts", { lastname: "Abendrot" });
    await systems.settle();
    await systems.sweep();
    const { send } = systems.world.ports.queue;
    systems.world.ports.queue.send = (envelopes) =>
      send(envelopes.flatMap((one) => [1, 2, 3, 4].map((copy) => ({ ...one, nonce: `${one.nonce}-${copy}` }))));
    const before = systems.world.campaignCalls();

    await systems.edit("contacts", contact, { lastname: "Neuhaus" });
    await systems.settle();
    const noticed = systems.world.profiles();
    await systems.sweep();

    expect(noticed).toMatchObject([{ lastName: "Neuhaus" }]);
    expect(systems.world.campaignCalls() - before).toBe(1);
  });
});

describe("B36: a record is stuck in progress after a time-out", () => {
  it("is written by whoever comes after the announced time, though its process never comes back", async () => {
    await stallInCampaign(news(ann));
    const before = world.clock.now();

    await world.queue.send([anEnvelope({ cause: "sweep" })]);
    await world.drain();

    expect(world.profiles()).toMatchObject([{ lastName: "Abendrot" }]);
    expect(world.clock.now() - before).toBeLessThanOrEqual(1.5 * world.ports.campaignBudgetMs + 1_000);
    expect((await world.ports.states.read("contact", id))?.state.intent).toBeUndefined();
  });

  it("is written again, whatever the fingerprint says, when the answer to the call was lost", async () => {
    const { insert } = world.ports.campaign;
    world.ports.campaign.insert = async (...given) => {
      await insert(...given);
      world.ports.campaign.insert = insert;
      throw new UnavailableError("campaign: ETIMEDOUT", true, { system: "campaign", network: "ETIMEDOUT" });
    };
    const before = world.clock.now();

    await world.queue.send([news(ann)]);
    await world.drain();

    expect(world.profiles()).toMatchObject([{ lastName: "Abendrot" }]);
    expect((await world.ports.states.read("contact", id))?.state.intent).toBeUndefined();
    expect(world.clock.now() - before).toBeLessThan(2 * 1.5 * world.ports.campaignBudgetMs);
    expect(await openFailures(world)).toEqual([]);
  });

  it.each([999, 1, 0, -1, -10_000])(
    "is written once when %s ms of the time are left after the announcement",
    async (leftMs) => {
      const { save, read, list } = world.ports.states;
      const slow: typeof world.ports.states = {
        read,
        list,
        async save(...given) {
          const etag = await save(...given);
          if (given[2].intent) world.clock.advance(world.ports.campaignBudgetMs - leftMs);
          return etag;
        },
      };

      const { outcome } = await handleChange({ ...world.ports, states: slow }, news(ann));
      await world.drain();

      expect(outcome).toBe(leftMs > 0 ? "created" : "delayed");
      expect(world.profiles()).toMatchObject([{ lastName: "Abendrot" }]);
      expect(writes()).toBe(1);
      expect((await world.ports.states.read("contact", id))?.state.intent).toBeUndefined();
    },
  );
});
