import { describe, expect, it } from "vitest";
import type { OptOutDirection } from "../../shared/optout/attributes.js";
import { killedAtEveryCall, makeOptOutLane, type OptOutLane } from "../support/opt-out-lane.js";
import { recordId } from "../support/samples.js";

const directions = ["toCampaign", "toDynamics", "both"] as const;

describe("contacts that were merged", () => {
  function merge(lane: OptOutLane, loser: number, master: number): void {
    lane.edit(loser, { merged: true, masterid: recordId(master), statecode: 1 });
  }

  it.each(directions.flatMap((direction) => (["Dynamics", "Campaign"] as const).map((side) => ({ direction, side }))))(
    "leave the master opted out on both sides of what the loser was opted out of in $side: $direction",
    async ({ direction, side }) => {
      const lane = await makeOptOutLane(direction);
      await lane.begin(1);
      await lane.begin(2);
      if (side === "Campaign") lane.chooseInCampaign(2, { email: true });
      else lane.chooseInDynamics(2, { email: true });

      merge(lane, 2, 1);
      await lane.handle(lane.notice(2));

      expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
      expect(lane.sides(2).campaign).toBeUndefined();
      expect((await lane.decided(1))[0]).toMatch(/^email: opt-out-inherited/);
    },
  );

  it("leave the master as it was when the loser was opted out of nothing", async () => {
    const lane = await makeOptOutLane("both");
    await lane.agree(1, { phone: true });
    await lane.begin(2);

    merge(lane, 2, 1);
    await lane.handle(lane.notice(2));

    expect(lane.sides(1)).toEqual({ dynamics: "phone", campaign: "phone" });
    expect(await lane.decided()).toEqual(["phone: opt-out-in-dynamics, campaign out (written)"]);
  });

  it("tell the master's master, when that one was merged away itself before anybody looked", async () => {
    const lane = await makeOptOutLane("both");
    for (const n of [1, 2, 3]) await lane.begin(n);
    lane.chooseInCampaign(3, { email: true });

    merge(lane, 3, 2);
    merge(lane, 2, 1);
    await lane.handle(lane.notice(3), lane.notice(2));

    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
  });

  it("tell the master's master, when that one is merged away while the news is on its way to it", async () => {
    const lane = await makeOptOutLane("both");
    for (const n of [1, 2, 3]) await lane.begin(n);
    lane.chooseInCampaign(2, { phone: true });
    lane.chooseInCampaign(3, { email: true });
    merge(lane, 3, 2);
    const { send } = lane.world.ports.queue;
    lane.world.ports.queue.send = async (envelopes) => {
      if (envelopes.some(({ optOuts }) => optOuts)) {
        lane.world.ports.queue.send = send;
        merge(lane, 2, 1);
        await lane.world.queue.send([lane.notice(2)]);
      }
      return send(envelopes);
    };

    await lane.handle(lane.notice(3));

    expect(lane.sides(1)).toEqual({ dynamics: "email phone", campaign: "email phone" });
  });

  it("tell the master once: who opted in there since stays opted in when another one's news passes through", async () => {
    const lane = await makeOptOutLane("toCampaign");
    for (const n of [1, 2]) await lane.begin(n);
    lane.chooseInDynamics(2, { phone: true });
    merge(lane, 2, 1);
    await lane.handle(lane.notice(2));
    lane.chooseInDynamics(1, { phone: false });
    await lane.handle(lane.notice(1));

    await lane.handle(lane.moved(2, { optOuts: ["email"] }));

    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
  });

  it("tell the master though the news has to wait there beside other news of its opt-outs", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);
    const { states } = lane.world.ports;
    const found = await states.read("contact", recordId(1));
    if (!found) throw new Error("nothing is known of the contact");
    const until = lane.world.clock.now() + 20_000;
    await states.save("contact", recordId(1), { ...found.state, intent: { kind: "write", until } }, found.etag);

    await lane.handle(lane.moved(1), lane.moved(1, { optOuts: ["email"] }));

    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
  });

  it("go without a word when the master is gone, and leave it opted out should it come back", async () => {
    const lane = await makeOptOutLane("both");
    await lane.begin(1);
    await lane.begin(2, { email: true });
    merge(lane, 2, 1);
    const { send } = lane.world.ports.queue;
    lane.world.ports.queue.send = async (envelopes) => {
      if (envelopes.some(({ optOuts }) => optOuts)) lane.remove(1);
      return send(envelopes);
    };
    await lane.handle(lane.notice(2));

    lane.world.ports.queue.send = send;
    const gone = lane.sides(1).dynamics;
    lane.chooseInDynamics(1, {});
    await lane.handle(lane.notice(1));

    expect(gone).toBeUndefined();
    expect(lane.sides(1)).toEqual({ dynamics: "email", campaign: "email" });
  });

  it.each(directions)(
    "leave the master opted out wherever the process is killed: %s",
    async (direction: OptOutDirection) => {
      const calls = await killedAtEveryCall(
        async () => {
          const lane = await makeOptOutLane(direction);
          await lane.begin(1);
          await lane.begin(2, { phone: true });
          lane.chooseInCampaign(2, { email: true });
          merge(lane, 2, 1);
          return lane;
        },
        (lane) => lane.handle(lane.notice(2)),
        async (lane, where) => {
          const both = "email phone";
          expect({ where, ...lane.sides(1) }).toEqual({ where, dynamics: both, campaign: both });
          expect({ where, ...lane.sides(2) }).toMatchObject({ where, campaign: undefined });
        },
      );

      expect(calls).toBeGreaterThan(20);
    },
    60_000,
  );
});
