// The table of docs/behaviour.md: what each way in makes of each thing that happens, every way by itself.

import { describe, expect, it } from "vitest";
import { orderReplay } from "../../shared/flows/full-read.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { documentOf, example, makeTwoSystems, openFailures, type TwoSystems } from "./two-systems.js";

const crm = "Microsoft.Dynamics.CRM";
const wanted = { join: "and", conditions: [{ column: "address1_city", comparison: "notEquals", value: "Nowhere" }] };
const filtered = { filters: wanted, whenFilteredOut: "delete" };

/** Brings what happened by one way only, all others being deaf. `from` is the mapping in force afterwards. */
const ways: Record<string, (systems: TwoSystems) => Promise<void>> = {
  notice: (systems) => systems.settle(),
  async sweep(systems) {
    await systems.lose();
    await systems.sweep();
  },
  // A recovery after an expired token is the load, on a system that has records already.
  async load(systems) {
    await systems.lose();
    await systems.core.command?.("expire-delta-tokens", {});
    await systems.sweep();
  },
  async replay(systems) {
    await systems.lose();
    const { readChanges } = systems.world.ports.dynamics;
    systems.world.ports.dynamics.readChanges = async (...given) => ({
      ...(await readChanges(...given)),
      changed: [],
      deleted: [],
    });
    await orderReplay(systems.world.ports, "contact", "changed");
    await systems.sweep();
    systems.world.ports.dynamics.readChanges = readChanges;
  },
};

interface Scene {
  systems: TwoSystems;
  ann: string;
  bea: string;
}

/** Two contacts that both systems know. */
async function start(changes: Record<string, unknown> = filtered): Promise<Scene> {
  const systems = await makeTwoSystems({ mappings: [example("contact", changes)] });
  const ann = await systems.create("contacts", { lastname: "Abendrot", firstname: "Ann", jobtitle: "Baker" });
  const bea = await systems.create("contacts", { lastname: "Birkholz" });
  await systems.sweep();
  await systems.lose();
  return { systems, ann, bea };
}
const names = ({ world }: TwoSystems) =>
  world
    .profiles()
    .map(({ lastName }) => lastName)
    .sort();

/** The contact mapping with one more column, or with another expression. */
function edition(which: "new column" | "other expression"): CompiledMapping {
  const { columns, fields } = documentOf("contact") as { columns: object; fields: Record<string, unknown>[] };
  if (which === "new column") {
    const added = {
      source: { column: "jobtitle" },
      target: "middleName",
      type: "string",
      misfit: "truncate",
      maxLength: 30,
    };
    const others = fields.filter(({ target }) => target !== "middleName");
    return example("contact", { columns: { ...columns, jobtitle: "string" }, fields: [...others, added] });
  }
  return example("contact", {
    fields: fields.map((field) =>
      field.target === "lastName" ? { ...field, source: { upper: { column: "lastname" } } } : field,
    ),
  });
}

describe.each(Object.keys(ways))(
  "B12: what happens on create, update, delete and new column is undocumented (%s)",
  (way) => {
    const bring = async (systems: TwoSystems): Promise<void> => {
      await ways[way]?.(systems);
      expect(await openFailures(systems.world)).toEqual([]);
    };

    it("a new row makes a record", async () => {
      const { systems } = await start();

      await systems.create("contacts", { lastname: "Castellmar" });
      await bring(systems);

      expect(names(systems)).toEqual(["Abendrot", "Birkholz", "Castellmar"]);
    });

    it("a changed row changes its record, and no other", async () => {
      const { systems, ann, bea } = await start();
      const before = systems.world.writes(bea).length;

      await systems.edit("contacts", ann, { lastname: "Neuhaus" });
      await bring(systems);

      expect(names(systems)).toEqual(["Birkholz", "Neuhaus"]);
      expect(systems.world.writes(bea)).toHaveLength(before);
    });

    it("a change of nothing that is mapped makes no call", async () => {
      const { systems, ann } = await start();
      const before = systems.world.campaignCalls();

      await systems.edit("contacts", ann, { jobtitle: "Miller" });
      await bring(systems);

      expect(systems.world.campaignCalls() - before).toBe(0);
    });

    it("a deleted row deletes its record", async () => {
      const { systems, ann } = await start();

      await systems.remove("contacts", ann);
      await bring(systems);

      expect(names(systems)).toEqual(["Birkholz"]);
    });

    it("a row that comes back under its old id makes its record anew", async () => {
      const { systems, ann } = await start();
      await systems.remove("contacts", ann);
      await systems.settle();
      await systems.sweep();
      const between = names(systems);

      await systems.create("contacts", { contactid: ann, lastname: "Restored" });
      await bring(systems);

      expect([between, names(systems)]).toEqual([["Birkholz"], ["Birkholz", "Restored"]]);
    });

    it("a merge removes the loser's record and changes the winner's", async () => {
      const { systems, ann, bea } = await start();

      await systems.act("Merge", {
        Target: { "@odata.type": `${crm}.contact`, contactid: bea },
        Subordinate: { "@odata.type": `${crm}.contact`, contactid: ann },
        UpdateContent: { "@odata.type": `${crm}.contact`, firstname: "Ann" },
        PerformParentingChecks: false,
      });
      await bring(systems);

      expect(systems.world.profiles()).toMatchObject([{ lastName: "Birkholz", firstName: "Ann" }]);
    });

    it("a row that leaves the filter loses its record, and gets it back when it returns", async () => {
      const { systems, ann } = await start();

      await systems.edit("contacts", ann, { address1_city: "Nowhere" });
      await bring(systems);
      const left = names(systems);
      await systems.edit("contacts", ann, { address1_city: "Sampleford" });
      await bring(systems);

      expect([left, names(systems)]).toEqual([["Birkholz"], ["Abendrot", "Birkholz"]]);
    });

    it("a row that leaves the filter keeps its record as it was, where the mapping says so", async () => {
      const { systems, ann } = await start({ filters: wanted, whenFilteredOut: "leave" });

      await systems.edit("contacts", ann, { address1_city: "Nowhere", lastname: "Neuhaus" });
      await bring(systems);

      expect(names(systems)).toEqual(["Abendrot", "Birkholz"]);
    });

    it("a column that is newly mapped is written for the rows that this way looks at", async () => {
      const { systems, ann, bea } = await start();
      systems.world.publish([edition("new column")]);

      if (way === "notice" || way === "sweep") await systems.edit("contacts", ann, { lastname: "Neuhaus" });
      await systems.edit("contacts", bea, { jobtitle: "Miller", lastname: "Castellmar" });
      await bring(systems);

      const jobs = systems.world.profiles().map(({ middleName }) => middleName);
      expect(jobs.sort()).toEqual(["Baker", "Miller"]);
    });

    it("a changed mapping holds for every row that this way looks at from then on", async () => {
      const { systems, ann } = await start();
      systems.world.publish([edition("other expression")]);

      await systems.edit("contacts", ann, { firstname: "Anna" });
      await bring(systems);

      // The rest comes with the replay that publishing orders.
      const others = way === "notice" || way === "sweep" ? "Birkholz" : "BIRKHOLZ";
      expect(names(systems)).toEqual(["ABENDROT", others].sort());
    });
  },
);
