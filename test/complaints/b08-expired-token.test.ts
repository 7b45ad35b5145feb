import { beforeEach, describe, expect, it } from "vitest";
import { makeTwoSystems, type TwoSystems } from "./two-systems.js";

let systems: TwoSystems;
beforeEach(async () => {
  systems = await makeTwoSystems();
});
const day = 86_400_000;
const names = () =>
  systems.world
    .profiles()
    .map(({ lastName }) => lastName)
    .sort();

describe("B8: the delta token dies sooner than promised, and the reader throws instead of listing everything", () => {
  it("reads everything again by itself, finds what changed and what was deleted, and calls Campaign for that alone", async () => {
    const [ann, bea] = [
      await systems.create("contacts", { lastname: "Abendrot" }),
      await systems.create("contacts", { lastname: "Birkholz" }),
      await systems.create("contacts", { lastname: "Castellmar" }),
    ];
    await systems.settle();
    await systems.sweep();
    await systems.core.command?.("switches", { changeTrackingExpiryDays: 30 });

    await systems.edit("contacts", ann, { lastname: "Neuhaus" });
    await systems.remove("contacts", bea);
    await systems.lose();
    systems.world.clock.advance(31 * day);
    const before = systems.world.campaignCalls();
    await systems.sweep();

    expect(names()).toEqual(["Castellmar", "Neuhaus"]);
    expect(systems.world.campaignCalls() - before).toBe(2);
  });

  it("follows changes again from then on", async () => {
    const ann = await systems.create("contacts", { lastname: "Abendrot" });
    await systems.sweep();
    await systems.core.command?.("expire-delta-tokens", {});
    await systems.create("contacts", { lastname: "Birkholz" });
    await systems.lose();
    await systems.sweep();

    await systems.edit("contacts", ann, { lastname: "Neuhaus" });
    await systems.lose();
    const { changes, loaded } = await systems.sweep();

    expect([changes, loaded]).toEqual([1, 0]);
    expect(names()).toEqual(["Birkholz", "Neuhaus"]);
  });
});
