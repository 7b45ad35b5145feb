import { describe, expect, it } from "vitest";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { makeTwoSystems } from "./two-systems.js";

const columns = {
  contactid: "id",
  firstname: "string",
  lastname: "string",
  mobilephone: "string",
  telephone1: "string",
};

describe("B6: only one Dynamics field can feed a Campaign field", () => {
  it("makes one field of several columns, and writes it again when any of them changes", async () => {
    const fields = [
      aField({ source: { column: "lastname" }, target: "lastName" }),
      aField({
        source: { concat: [{ title: { column: "firstname" } }, { upper: { column: "lastname" } }], separator: " " },
        target: "salutation",
      }),
      aField({ source: { first: [{ column: "mobilephone" }, { column: "telephone1" }] }, target: "mobilePhone" }),
    ];
    const systems = await makeTwoSystems({ mappings: [compiled(aMappingDocument(fields, { columns }))] });
    const profile = () => systems.world.profiles()[0];

    const id = await systems.create("contacts", { firstname: "ann", lastname: "Lee", telephone1: "+49 30 5550001" });
    await systems.settle();
    const first = profile();
    await systems.edit("contacts", id, { mobilephone: "+49 30 5550002" });
    await systems.settle();
    const second = profile();
    await systems.edit("contacts", id, { firstname: "bea" });
    await systems.settle();

    expect(first).toMatchObject({ salutation: "Ann LEE", mobilePhone: "+49 30 5550001" });
    expect(second).toMatchObject({ salutation: "Ann LEE", mobilePhone: "+49 30 5550002" });
    expect(profile()).toMatchObject({ salutation: "Bea LEE", mobilePhone: "+49 30 5550002" });
  });
});
