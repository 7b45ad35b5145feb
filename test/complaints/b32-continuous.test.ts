import { beforeEach, describe, expect, it } from "vitest";
import { example, makeTwoSystems, type TwoSystems } from "./two-systems.js";

const wanted = { join: "and", conditions: [{ column: "address1_city", comparison: "equals", value: "Sampleford" }] };

let systems: TwoSystems;
const names = () =>
  systems.world
    .profiles()
    .map(({ lastName }) => lastName)
    .sort();

describe("B32: a filter limits only the first sync", () => {
  beforeEach(async () => {
    systems = await makeTwoSystems({ mappings: [example("contact", { filters: wanted, whenFilteredOut: "delete" })] });
  });

  it.each(["notice", "sweep"])("holds for every later change, in both directions (by %s)", async (path) => {
    const bring = async (): Promise<void> => {
      if (path === "notice") return systems.settle();
      await systems.lose();
      await systems.sweep();
    };
    const inside = await systems.create("contacts", { lastname: "Inside", address1_city: "Sampleford" });
    const outside = await systems.create("contacts", { lastname: "Outside", address1_city: "Esempio" });
    await systems.sweep();
    await systems.lose();
    const first = names();

    await systems.edit("contacts", inside, { address1_city: "Esempio" });
    await systems.edit("contacts", outside, { address1_city: "Sampleford" });
    await bring();
    const second = names();
    await systems.create("contacts", { lastname: "Later", address1_city: "Esempio" });
    await systems.edit("contacts", inside, { address1_city: "Sampleford" });
    await bring();

    expect([first, second, names()]).toEqual([["Inside"], ["Outside"], ["Inside", "Outside"]]);
  });
});

describe("B32: of two contacts with one e-mail address only the first is synchronised", () => {
  it("writes both, keeps them apart, and deletes only the one that is deleted", async () => {
    systems = await makeTwoSystems();
    const emailaddress1 = "shared@example.com";
    const ann = await systems.create("contacts", { lastname: "Abendrot", emailaddress1 });
    const bea = await systems.create("contacts", { lastname: "Birkholz", emailaddress1 });
    await systems.settle();
    const both = names();

    await systems.edit("contacts", bea, { lastname: "Neuhaus" });
    await systems.remove("contacts", ann);
    await systems.settle();

    expect(both).toEqual(["Abendrot", "Birkholz"]);
    expect(systems.world.profiles()).toMatchObject([{ externalId: bea, lastName: "Neuhaus", email: emailaddress1 }]);
  });
});

describe("B32: lookups cannot be synchronised", () => {
  it("links a vehicle to its dealer, follows the lookup to another one, and to none", async () => {
    systems = await makeTwoSystems();
    const [north, south] = [
      await systems.create("acme_dealers", { acme_name: "North" }),
      await systems.create("acme_dealers", { acme_name: "South" }),
    ];
    const bind = (id: string) => ({ "acme_dealerid@odata.bind": `/acme_dealers(${id})` });
    const dealerOf = () => (systems.world.records("cusVehicle")[0]?.dealer as { PKey?: string } | null)?.PKey;
    const keyOf = (name: string) => systems.world.records("cusDealer").find((one) => one.name === name)?.PKey;

    const vehicle = await systems.create("acme_vehicles", { acme_name: "Van", ...bind(north) });
    await systems.settle();
    const first = dealerOf();
    await systems.edit("acme_vehicles", vehicle, bind(south));
    await systems.settle();
    const second = dealerOf();
    await systems.edit("acme_vehicles", vehicle, { "acme_dealerid@odata.bind": null });
    await systems.settle();

    expect([first, second]).toEqual([keyOf("North"), keyOf("South")]);
    expect(first).toBeDefined();
    expect(dealerOf()).toBeUndefined();
  });
});
