import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { optOutAttributes } from "../../shared/optout/attributes.js";
import { compiled } from "../support/mappings.js";
import { makeOptOutSystems } from "./opt-out-systems.js";
import { documentOf } from "./two-systems.js";

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
  it.each(["both", "toCampaign", "toDynamics"] as const)(
    "keeps who is deleted and made anew opted out, though the new row says nothing of it, in Dynamics too where Campaign counts: %s",
    async (direction) => {
      const systems = await makeOptOutSystems(direction);
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
      expect(await systems.row()).toMatchObject({ donotbulkemail: direction !== "toCampaign" });
    },
  );

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

describe("the mapping of opt-outs", () => {
  it("takes any boolean column of the contact for any of Campaign's eight attributes", () => {
    const columns = Object.fromEntries(
      optOutAttributes.map((attribute) => [attribute, `new_no_${attribute.toLowerCase()}`]),
    );
    const booleans = Object.fromEntries(Object.values(columns).map((column) => [column, "boolean"]));
    const contact = documentOf("contact");

    const { optOuts } = compiled({
      ...contact,
      columns: { ...(contact.columns as object), ...booleans },
      optOuts: { direction: "both", attributes: columns },
    });

    expect(optOuts?.attributes.map(({ attribute }) => attribute)).toEqual(optOutAttributes);
    expect(optOutAttributes).toHaveLength(8);
  });

  it("is valid as docs/opt-outs.md has it, beside the shipped one", () => {
    const [, example = ""] = /```json\n([^`]+)```/.exec(readFileSync("docs/opt-outs.md", "utf8")) ?? [];
    const { columns, optOuts } = JSON.parse(example) as { columns: object; optOuts: object };
    const contact = documentOf("contact");

    const mapping = compiled({ ...contact, columns: { ...(contact.columns as object), ...columns }, optOuts });

    expect(mapping.optOuts).toMatchObject({ direction: "both", skewMs: 5_000, audited: false });
    expect(mapping.optOuts?.attributes).toHaveLength(3);
  });
});
