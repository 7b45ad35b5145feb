import { beforeEach, describe, expect, it } from "vitest";
import { makeMetadataSource } from "../../shared/dataverse/metadata.js";
import type { SettingsPorts } from "../../shared/flows/ports.js";
import { publishSettings, rollBack } from "../../shared/flows/publish-settings.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { makeSettingsSource } from "../../shared/storage/settings-source.js";
import { makeSettingsVersions, shippedVersion } from "../../shared/storage/settings-versions.js";
import { documentOf, makeTwoSystems, type TwoSystems } from "./two-systems.js";

let systems: TwoSystems;
let ports: SettingsPorts;

beforeEach(async () => {
  systems = await makeTwoSystems();
  const { world, app } = systems;
  const tables = makeMemoryEntityTables();
  await tables.ensure(["settings"]);
  const versions = makeSettingsVersions(tables.table("settings"), shippedVersion(1, shippedDocuments));
  world.ports.settings = makeSettingsSource(versions, world.clock);
  ports = { versions, metadata: makeMetadataSource(app), checkpoints: world.ports.checkpoints, clock: world.clock };
});

/** The shipped contact mapping with last names in capitals. */
function inCapitals(): Record<string, unknown> {
  const contact = documentOf("contact");
  const fields = contact.fields as Record<string, unknown>[];
  return {
    ...contact,
    fields: fields.map((field) =>
      field.target === "lastName" ? { ...field, source: { upper: { column: "lastname" } } } : field,
    ),
  };
}
const publish = (...documents: unknown[]) => publishSettings(ports, { documents, by: "operator-1" });
const names = () =>
  systems.world
    .profiles()
    .map(({ lastName }) => lastName)
    .sort();

describe("B5: any edit of the settings needs a stop and a start to take effect", () => {
  it("works by the new settings within seconds, while messages wait and more arrive, and nothing is stopped", async () => {
    const id = await systems.create("contacts", { lastname: "Abendrot" });
    await systems.create("contacts", { lastname: "Birkholz" });
    await systems.hear();
    const before = systems.world.clock.now();

    await publish(inCapitals());
    await systems.world.drain();
    await systems.edit("contacts", id, { lastname: "Neuhaus" });
    await systems.settle();
    const { stopped } = await systems.sweep();

    expect(names()).toEqual(["BIRKHOLZ", "NEUHAUS"]);
    expect(systems.world.clock.now() - before).toBeLessThan(10_000);
    expect(stopped).toBe(false);
  });

  it("takes effect again, as fast, when the version before is rolled back to", async () => {
    await systems.create("contacts", { lastname: "Abendrot" });
    await systems.sweep();
    await publish(inCapitals());
    await systems.sweep();
    const capitals = names();

    await rollBack(ports, { version: 1, by: "operator-1" });
    await systems.sweep();

    expect([capitals, names()]).toEqual([["ABENDROT"], ["Abendrot"]]);
  });
});

describe("B14: a change of the mapping means unlink, delete everything and load it again", () => {
  it("changes the records that are there in place, spends a call only on those that differ, and deletes none", async () => {
    for (const lastname of ["ABENDROT", "BIRKHOLZ", "Castellmar"]) await systems.create("contacts", { lastname });
    await systems.sweep();
    const before = systems.world.campaignCalls();
    const keys = () => systems.world.profiles().map(({ PKey }) => PKey);
    const same = keys();
    let removed = 0;
    const { remove } = systems.world.ports.campaign;
    systems.world.ports.campaign.remove = (...given) => {
      removed += 1;
      return remove(...given);
    };

    const { replays } = await publish(inCapitals());
    await systems.sweep();

    expect(replays.ordered).toEqual(["contact"]);
    expect(names()).toEqual(["ABENDROT", "BIRKHOLZ", "CASTELLMAR"]);
    expect(systems.world.campaignCalls() - before).toBe(1);
    expect([removed, keys()]).toEqual([0, same]);
  });

  it("adds a table to those that run: its rows are loaded, and nothing is done again for the others", async () => {
    await systems.create("contacts", { lastname: "Abendrot" });
    await systems.create("acme_dealers", { acme_name: "North" });
    await systems.sweep();
    const before = systems.world.campaignCalls();

    await publish(documentOf("contact"), documentOf("dealer"));
    await systems.sweep();

    expect(systems.world.records("cusDealer")).toMatchObject([{ name: "North" }]);
    expect(systems.world.campaignCalls() - before).toBe(1);
  });

  it("holds for the filters too: what a new filter keeps out is deleted where the mapping says so, and nothing else is touched", async () => {
    for (const lastname of ["Abendrot", "Birkholz"]) await systems.create("contacts", { lastname });
    await systems.sweep();
    const before = systems.world.campaignCalls();
    const conditions = [{ column: "lastname", comparison: "notEquals", value: "Birkholz" }];

    await publish({ ...documentOf("contact"), filters: { join: "and", conditions }, whenFilteredOut: "delete" });
    await systems.sweep();

    expect(names()).toEqual(["Abendrot"]);
    expect(systems.world.campaignCalls() - before).toBe(1);
  });

  it("leaves the records of a table that is mapped no longer as they are, whatever becomes of its rows", async () => {
    await publish(documentOf("contact"), documentOf("dealer"));
    const id = await systems.create("acme_dealers", { acme_name: "North" });
    await systems.sweep();

    await publish(documentOf("contact"));
    systems.world.clock.advance(2_000);
    await systems.edit("acme_dealers", id, { acme_name: "South" });
    await systems.settle();
    await systems.remove("acme_dealers", id);
    await systems.settle();
    await systems.sweep();

    expect(systems.world.records("cusDealer")).toMatchObject([{ name: "North" }]);
  });
});
