import { beforeEach, describe, expect, it } from "vitest";
import { applyRegistration, planRegistration, warnings } from "../../infra/dataverse/provision.js";
import { allMappings, makeTwoSystems, type TwoSystems } from "./two-systems.js";

const webhook = { url: "https://app.example.com/api/ingress-webhook", key: "key", name: "acs-sync" };
const mappings = new Map(allMappings().map((mapping) => [mapping.table.name, mapping]));

let systems: TwoSystems;
beforeEach(async () => {
  systems = await makeTwoSystems({ mappings: allMappings() });
});
const register = async (name = webhook.name) =>
  applyRegistration(await planRegistration({ client: systems.app, webhook: { ...webhook, name }, mappings }), () => {});
/** Notices that one edit makes. */
async function noticesOfAnEdit(): Promise<number> {
  const id = await systems.create("contacts", { lastname: "Abendrot" });
  await systems.lose();
  await systems.edit("contacts", id, { lastname: "Neuhaus" });
  return systems.lose();
}

describe("B34: registrations pile up, and every change comes twice", () => {
  it("registers nothing twice, however often it is applied: one edit makes one notice", async () => {
    for (let again = 0; again < 3; again += 1) await register();

    expect(await noticesOfAnEdit()).toBe(1);
  });

  it("plans to remove a step of ours that is there twice, and does", async () => {
    const { app } = systems;
    const steps = async () =>
      (await app.json({
        operation: "look",
        path: "sdkmessageprocessingsteps?$filter=name eq 'acs-sync: Update of contact'",
      })) as { value: Record<string, unknown>[] };
    const [step] = (await steps()).value;
    await app.call({
      operation: "double it",
      method: "POST",
      path: "sdkmessageprocessingsteps",
      body: {
        ...{ name: step?.name, stage: 40, mode: 1, rank: 1, asyncautodelete: true },
        "eventhandler_serviceendpoint@odata.bind": `/serviceendpoints(${step?._eventhandler_value})`,
        "sdkmessageid@odata.bind": `/sdkmessages(${step?._sdkmessageid_value})`,
        "sdkmessagefilterid@odata.bind": `/sdkmessagefilters(${step?._sdkmessagefilterid_value})`,
      },
    });
    const doubled = await noticesOfAnEdit();

    const planned = (await planRegistration({ client: app, webhook, mappings })).map(({ what }) => what);
    await register();

    expect(doubled).toBe(2);
    expect(planned).toContainEqual(
      expect.stringMatching(/^remove step acs-sync: Update of contact, which is there twice/),
    );
    expect(await noticesOfAnEdit()).toBe(1);
  });

  it("names another registration that posts to the same address, and writes once what comes twice", async () => {
    await register("old-sync");

    const warned = await warnings({ client: systems.app, webhook });
    await systems.create("contacts", { lastname: "Abendrot" });
    await systems.settle();

    expect(warned).toEqual([expect.stringMatching(/^webhook old-sync posts to .* as well: changes come twice\./)]);
    expect(systems.world.campaignCalls()).toBe(1);
  });

  it("hears of deletes as well as of updates", async () => {
    const id = await systems.create("contacts", { lastname: "Abendrot" });
    await systems.lose();

    await systems.remove("contacts", id);

    expect(await systems.lose()).toBe(1);
  });
});
