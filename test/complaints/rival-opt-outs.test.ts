import { describe, expect, it } from "vitest";
import { makeOptOutSystems, type OptOutSystems } from "./opt-out-systems.js";

const minute = 60_000;
const crm = "Microsoft.Dynamics.CRM";

describe("what Adobe documents of opt-outs", () => {
  it("disabled: touches no opt-out on either side", async () => {
    const systems = await makeOptOutSystems("disabled");
    systems.inCampaign({ blackListEmail: true });
    await systems.inDynamics({ donotphone: true });

    await systems.settle();
    await systems.pull();

    expect(systems.profile()).toMatchObject({ blackListEmail: true, blackListPhone: false });
    expect(await systems.row()).toMatchObject({ donotbulkemail: false, donotphone: true });
  });

  it("from Dynamics to Campaign: brings opt-outs there, and opt-ins after both sides were equal, and nothing back", async () => {
    const systems = await makeOptOutSystems("toCampaign");
    await systems.inDynamics({ donotphone: true });
    await systems.settle();
    const out = systems.profile()?.blackListPhone;
    await systems.inDynamics({ donotphone: false });
    systems.inCampaign({ blackListEmail: true });

    await systems.settle();
    await systems.pull();

    expect([out, systems.profile()?.blackListPhone]).toEqual([true, false]);
    expect(await systems.row()).toMatchObject({ donotbulkemail: false });
  });

  it("from Campaign to Dynamics: brings opt-outs and opt-ins there, and nothing back", async () => {
    const systems = await makeOptOutSystems("toDynamics");
    systems.inCampaign({ blackListEmail: true });
    await systems.pull();
    const out = (await systems.row()).donotbulkemail;
    systems.wait(minute);
    systems.inCampaign({ blackListEmail: false });
    await systems.pull();
    const back = (await systems.row()).donotbulkemail;
    systems.wait(minute);
    await systems.inDynamics({ donotphone: true });

    await systems.settle();
    await systems.pull();

    expect([out, back]).toEqual([true, false]);
    expect(systems.profile()).toMatchObject({ blackListPhone: false });
  });

  it("in both directions: Campaign's opt-in counts when it is the newer one, an opt-in of Dynamics goes back", async () => {
    const systems = await makeOptOutSystems("both");
    systems.inCampaign({ blackListEmail: true, blackListPhone: true });
    await systems.pull();
    systems.wait(minute);
    systems.inCampaign({ blackListEmail: false });
    await systems.pull();
    systems.wait(minute);
    await systems.inDynamics({ donotphone: false });

    await systems.settle();

    expect(await systems.row()).toMatchObject({ donotbulkemail: false, donotphone: true });
    expect(systems.profile()).toMatchObject({ blackListEmail: false, blackListPhone: true });
  });
});

describe("an opt-out outlives the record", () => {
  it("keeps who is deleted and made anew opted out on both sides, though the new row says nothing of it", async () => {
    const systems = await makeOptOutSystems("both");
    systems.inCampaign({ blackListEmail: true });
    await systems.pull();
    await systems.remove("contacts", systems.id);
    await systems.settle();
    await systems.sweep();
    const gone = systems.profile();

    await systems.create("contacts", { contactid: systems.id, lastname: "Again" });
    await systems.settle();

    expect(gone).toBeUndefined();
    expect(systems.profile()).toMatchObject({ blackListEmail: true, blackListPhone: false });
    expect(await systems.row()).toMatchObject({ donotbulkemail: true });
  });

  it.each(["both", "toCampaign", "toDynamics"] as const)(
    "goes over to the one that stays when contacts are merged, on both sides, in the direction %s too",
    async (direction) => {
      const systems = await makeOptOutSystems(direction);
      const winner = await systems.create("contacts", { lastname: "Winner" });
      await systems.settle();
      systems.inCampaign({ blackListEmail: true });
      await systems.act("Merge", {
        Target: { "@odata.type": `${crm}.contact`, contactid: winner },
        Subordinate: { "@odata.type": `${crm}.contact`, contactid: systems.id },
        UpdateContent: { "@odata.type": `${crm}.contact` },
        PerformParentingChecks: false,
      });

      await systems.settle();

      expect(systems.profile()).toBeUndefined();
      expect(systems.profile(winner)).toMatchObject({ blackListEmail: true });
      expect(await systems.row(winner)).toMatchObject({ donotbulkemail: true });
    },
  );

  it("changes nothing when the contact is deactivated or activated", async () => {
    const systems = await makeOptOutSystems("both");
    systems.inCampaign({ blackListEmail: true });
    await systems.pull();

    await systems.inDynamics({ statecode: 1, statuscode: 2 });
    await systems.settle();
    await systems.inDynamics({ statecode: 0, statuscode: 1 });
    await systems.settle();

    expect(systems.profile()).toMatchObject({ blackListEmail: true });
    expect(await systems.row()).toMatchObject({ donotbulkemail: true });
  });
});

describe("the one window that Campaign leaves, having no conditional writes", () => {
  /** Somebody opts out in Campaign again just before this call of ours reaches it. */
  function actBefore(systems: OptOutSystems, call: "last read" | "write"): void {
    const { optOuts } = systems.world.ports;
    const { campaign } = optOuts;
    let reads = 0;
    const act = (): void => {
      systems.inCampaign({ blackListPhone: false });
      systems.inCampaign({ blackListPhone: true });
    };
    optOuts.campaign = {
      toFields: (...given) => campaign.toFields(...given),
      async read(...given) {
        reads += 1;
        if (call === "last read" && reads === 2) act();
        return campaign.read(...given);
      },
      async write(...given) {
        if (call === "write") act();
        return campaign.write(...given);
      },
    };
  }

  async function optBackIn(call: "last read" | "write"): Promise<unknown> {
    const systems = await makeOptOutSystems("toCampaign");
    await systems.inDynamics({ donotphone: true });
    await systems.settle();
    systems.wait(minute);
    actBefore(systems, call);
    await systems.inDynamics({ donotphone: false });
    await systems.settle();
    return systems.profile()?.blackListPhone;
  }

  it("keeps an opt-out that is made in Campaign while an opt-in is being decided, up to the last read before the write", async () => {
    expect(await optBackIn("last read")).toBe(true);
  });

  it("overwrites, in the direction toCampaign, an opt-out that is made there between that read and the write", async () => {
    expect(await optBackIn("write")).toBe(false);
  });
});
