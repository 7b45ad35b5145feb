import { beforeEach, describe, expect, it } from "vitest";
import { documentOf, example, makeTwoSystems, type TwoSystems } from "./two-systems.js";

/** The vehicle of docs/examples, its choices by label or by value, without the one replacement. */
function vehicles(picklists: "label" | "value") {
  const fields = (documentOf("vehicle").fields as Record<string, unknown>[]).map(
    ({ replacements: _no, ...field }) => field,
  );
  return example("vehicle", { picklists, fields });
}

let systems: TwoSystems;
const create = () => systems.create("acme_vehicles", { acme_name: "Van", acme_fuel: 727000001, acme_extras: "1,3" });
const vehicle = () => systems.world.records("cusVehicle")[0];

describe.each(["notice", "load"])("B24: option sets are missing or cannot be mapped (by %s)", (path) => {
  const bring = async (): Promise<void> => {
    if (path === "notice") return systems.settle();
    await systems.lose();
    await systems.sweep();
  };
  beforeEach(async () => {
    systems = await makeTwoSystems({ mappings: [example("contact"), example("dealer"), vehicles("label")] });
  });

  it("writes labels, of several options all of them", async () => {
    await create();
    await bring();

    expect(vehicle()).toMatchObject({ fuel: "Diesel", extras: "Towbar, Winter tyres" });
  });

  it("writes technical values where the mapping asks for them", async () => {
    systems.world.publish([example("contact"), example("dealer"), vehicles("value")]);

    await create();
    await bring();

    expect(vehicle()).toMatchObject({ fuel: "727000001", extras: "1, 3" });
  });

  it("replaces by value, so that a replacement survives the switch from labels to values", async () => {
    const replaced = [];
    for (const picklists of ["label", "value"] as const) {
      systems = await makeTwoSystems({
        mappings: [example("dealer"), example("vehicle", { picklists }), example("contact")],
      });
      await systems.create("acme_vehicles", { acme_name: "Van", acme_fuel: 727000002 });
      await bring();
      replaced.push(vehicle()?.fuel);
    }

    expect(replaced).toEqual(["Battery", "Battery"]);
  });

  it("empties the field when the choice is emptied, and writes the word for false of a two-option column", async () => {
    const id = await create();
    const dealer = await systems.create("acme_dealers", { acme_name: "North", acme_premium: true });
    await bring();
    const premium = systems.world.records("cusDealer")[0]?.tier;

    await systems.edit("acme_vehicles", id, { acme_fuel: null, acme_extras: null });
    await systems.edit("acme_dealers", dealer, { acme_premium: false });
    await bring();

    expect(vehicle()).toMatchObject({ fuel: "", extras: "" });
    expect([premium, systems.world.records("cusDealer")[0]?.tier]).toEqual(["Premium dealer", "Standard dealer"]);
  });
});
