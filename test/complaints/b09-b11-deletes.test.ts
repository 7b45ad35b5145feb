import { beforeEach, describe, expect, it } from "vitest";
import { orderReplay } from "../../shared/flows/full-read.js";
import { example, makeTwoSystems, type TwoSystems } from "./two-systems.js";

let systems: TwoSystems;
beforeEach(async () => {
  systems = await makeTwoSystems();
});
const names = () =>
  systems.world
    .profiles()
    .map(({ lastName }) => lastName)
    .sort();
/** From now on change tracking does not tell of deletes. */
function hideDeletes(): void {
  const { readChanges } = systems.world.ports.dynamics;
  systems.world.ports.dynamics.readChanges = async (mapping, link) => ({
    ...(await readChanges(mapping, link)),
    deleted: [],
  });
}
const create = (lastname: string) => systems.create("contacts", { lastname });

describe("B9: what about deletes?", () => {
  it("deletes the profile when the contact is deleted: by the notice, within seconds", async () => {
    const id = await create("Abendrot");
    await create("Birkholz");
    await systems.settle();
    const before = systems.world.clock.now();

    await systems.remove("contacts", id);
    await systems.settle();

    expect(names()).toEqual(["Birkholz"]);
    expect(systems.world.clock.now() - before).toBeLessThan(5_000);
  });

  it("deletes the profile by the sweep when the notice of the delete was lost", async () => {
    const id = await create("Abendrot");
    await create("Birkholz");
    await systems.sweep();
    await systems.lose();

    await systems.remove("contacts", id);
    expect(await systems.lose()).toBe(1);
    await systems.sweep();

    expect(names()).toEqual(["Birkholz"]);
  });

  it("leaves the profile alone where the mapping says that deletes are not applied", async () => {
    systems = await makeTwoSystems({ mappings: [example("contact", { applyDeletes: false })] });
    const id = await create("Abendrot");
    await systems.settle();

    await systems.remove("contacts", id);
    await systems.settle();

    expect(names()).toEqual(["Abendrot"]);
  });
});

describe("B10: deletes made before the table was followed are never applied in the first load", () => {
  it("finds them: what was written by notices alone and deleted unseen goes with the first recovery", async () => {
    const id = await create("Abendrot");
    await create("Birkholz");
    await systems.settle();
    await systems.sweep();

    await systems.remove("contacts", id);
    await systems.lose();
    await systems.core.command?.("expire-delta-tokens", {});
    await systems.sweep();

    expect(names()).toEqual(["Birkholz"]);
  });

  it("finds them in the very first load: written by a notice, deleted before the table was followed", async () => {
    const id = await create("Abendrot");
    await create("Birkholz");
    await systems.settle();
    await systems.remove("contacts", id);
    await systems.lose();

    await systems.sweep();

    expect(names()).toEqual(["Birkholz"]);
  });
});

describe("B11: the target keeps rows for which the feed never brought a delete", () => {
  it("a replay of any kind finds rows of ours that Dynamics does not have any more, and removes them", async () => {
    const id = await create("Abendrot");
    await create("Birkholz");
    await systems.sweep();
    await systems.remove("contacts", id);
    await systems.lose();
    hideDeletes();
    await systems.sweep();
    const kept = names();

    await orderReplay(systems.world.ports, "contact", "changed");
    await systems.sweep();

    expect(kept).toEqual(["Abendrot", "Birkholz"]);
    expect(names()).toEqual(["Birkholz"]);
  });

  it("verify reports such rows without touching them, and rows that are not ours are never touched", async () => {
    const id = await create("Abendrot");
    await systems.sweep();
    await systems.lose();
    systems.world.campaignCommand("seed", {
      resource: "profile",
      records: [{ externalId: "0a0b0c0d-0000-4000-8000-00000000beef", lastName: "Foreign" }],
    });
    await systems.remove("contacts", id);
    hideDeletes();

    await orderReplay(systems.world.ports, "contact", "report");
    await systems.sweep();
    const reported = (await systems.world.ports.checkpoints.read("ingress", "contact-load"))?.values;
    const untouched = names();
    await orderReplay(systems.world.ports, "contact", "verify");
    await systems.sweep();

    expect(reported).toMatchObject({ mode: "report", extra: 1, foreign: 1 });
    expect(untouched).toEqual(["Abendrot", "Foreign"]);
    expect(names()).toEqual(["Foreign"]);
  });
});
