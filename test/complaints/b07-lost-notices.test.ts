import { beforeEach, describe, expect, it } from "vitest";
import { makeTwoSystems, type TwoSystems } from "./two-systems.js";

let systems: TwoSystems;
beforeEach(async () => {
  systems = await makeTwoSystems();
});

describe("B7: the sender of a webhook gives up after one retry, and the change is lost", () => {
  it("brings creates, edits and deletes whose notices were all lost, with the next sweep", async () => {
    const [ann, bea] = [
      await systems.create("contacts", { lastname: "Abendrot" }),
      await systems.create("contacts", { lastname: "Birkholz" }),
    ];
    await systems.settle();
    await systems.sweep();

    await systems.edit("contacts", ann, { lastname: "Neuhaus" });
    await systems.remove("contacts", bea);
    await systems.create("contacts", { lastname: "Castellmar" });
    const lost = await systems.lose();
    await systems.sweep();

    const names = systems.world.profiles().map(({ lastName }) => lastName);
    expect(lost).toBe(3);
    expect(names.sort()).toEqual(["Castellmar", "Neuhaus"]);
  });

  it("costs no call for what the notices had brought already", async () => {
    const ann = await systems.create("contacts", { lastname: "Abendrot" });
    await systems.settle();
    await systems.sweep();
    await systems.edit("contacts", ann, { lastname: "Neuhaus" });
    await systems.settle();
    const before = systems.world.campaignCalls();

    const { changes } = await systems.sweep();

    expect([changes, systems.world.campaignCalls() - before]).toEqual([0, 0]);
  });
});
