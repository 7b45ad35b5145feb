import { beforeEach, describe, expect, it } from "vitest";
import { makeOptOutSystems, type OptOutSystems } from "./opt-out-systems.js";

const [second, minute, day] = [1_000, 60_000, 86_400_000];

describe("B2: an opt-out made in Campaign reaches Dynamics only once a day, by a file", () => {
  let systems: OptOutSystems;

  beforeEach(async () => {
    systems = await makeOptOutSystems("both");
  });

  it("is in Dynamics with the next look, of which there is one a minute, without a file", async () => {
    const before = systems.now();
    systems.inCampaign({ blackListEmail: true });

    const { rung } = await systems.pull();

    const took = systems.now() - before;
    expect(rung).toBe(1);
    expect(await systems.row()).toMatchObject({ donotbulkemail: true, donotphone: false });
    expect(took + minute).toBeLessThan(day / 500);
  });

  it("is in Dynamics within seconds when it follows another one, since Campaign is asked more often while changes come", async () => {
    let seenAt = Number.POSITIVE_INFINITY;
    let actedAt = Number.POSITIVE_INFINITY;
    const { moved } = systems.world;
    const { readMoved } = moved;
    let looks = 0;
    moved.readMoved = async (...given) => {
      looks += 1;
      if (looks === 2) {
        actedAt = systems.now();
        systems.inCampaign({ blackListPhone: true });
      }
      if (looks === 3 && (await systems.row()).donotphone === true) seenAt = systems.now();
      return readMoved(...given);
    };
    systems.inCampaign({ blackListEmail: true });

    await systems.pull();

    expect(await systems.row()).toMatchObject({ donotbulkemail: true, donotphone: true });
    expect(seenAt - actedAt).toBeLessThanOrEqual(5 * second);
  });

  it("is not missed when the app stood still for days, and nobody has to start a workflow quickly", async () => {
    systems.inCampaign({ blackListEmail: true });
    systems.wait(3 * day);

    await systems.pull();

    expect(await systems.row()).toMatchObject({ donotbulkemail: true });
  });

  it("is in Campaign with its notice when it is made in Dynamics, and comes back from there when it is taken back", async () => {
    await systems.inDynamics({ donotphone: true });
    await systems.settle();
    const out = systems.profile()?.blackListPhone;
    systems.wait(minute);
    systems.inCampaign({ blackListPhone: false });

    await systems.pull();

    expect(out).toBe(true);
    expect(await systems.row()).toMatchObject({ donotphone: false });
  });

  it("is in Campaign with the next sweep when the notice is lost", async () => {
    await systems.sweep();
    await systems.inDynamics({ donotphone: true });
    await systems.lose();

    await systems.sweep();

    expect(systems.profile()).toMatchObject({ blackListPhone: true });
  });

  it("costs no call for contacts and profiles that are edited otherwise, but for the look itself", async () => {
    await systems.inDynamics({ jobtitle: "Baker" });
    systems.inCampaign({ mobilePhone: "5550100" });
    const before = systems.world.campaignCalls();

    await systems.settle();
    await systems.pull();

    expect(systems.world.campaignCalls() - before).toBe(1);
  });
});
