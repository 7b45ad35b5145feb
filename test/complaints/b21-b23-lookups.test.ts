import { beforeEach, describe, expect, it } from "vitest";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { makeTwoSystems, type TwoSystems } from "./two-systems.js";

/** Contacts with the company they belong to: only if it is an account, by name; and of what kind it is. */
const withCompany = compiled(
  aMappingDocument(
    [
      aField(),
      aField({ source: { column: "parentcustomerid", target: "account", as: "name" }, target: "middleName" }),
      aField({ source: { column: "parentcustomerid", as: "type" }, target: "salutation" }),
    ],
    {
      columns: {
        contactid: "id",
        lastname: "string",
        parentcustomerid: { type: "lookup", targets: ["account", "contact"] },
      },
    },
  ),
);

let systems: TwoSystems;

describe("B21: lookups with several targets make the connector unusable for contacts", () => {
  beforeEach(async () => {
    systems = await makeTwoSystems();
  });

  it("joins the vehicle to the profile of its keeper when that is a contact, and names the company when it is an account", async () => {
    const company = await systems.create("accounts", { name: "Contoso" });
    const person = await systems.create("contacts", { lastname: "Abendrot" });
    await systems.create("acme_vehicles", {
      acme_name: "Van",
      "acme_keeperid_contact@odata.bind": `/contacts(${person})`,
    });
    await systems.create("acme_vehicles", {
      acme_name: "Bus",
      "acme_keeperid_account@odata.bind": `/accounts(${company})`,
    });
    await systems.settle();

    const byName = new Map(systems.world.records("cusVehicle").map((record) => [record.vehicleName, record]));
    expect(byName.get("Van")).toMatchObject({ profileExternalId: person, keeperCompany: "" });
    expect(byName.get("Bus")).toMatchObject({ profileExternalId: "", keeperCompany: "Contoso" });
  });

  it("moves from one target to the other when the lookup does, by notice and by sweep", async () => {
    const company = await systems.create("accounts", { name: "Contoso" });
    const person = await systems.create("contacts", { lastname: "Abendrot" });
    const vehicle = await systems.create("acme_vehicles", {
      acme_name: "Van",
      "acme_keeperid_contact@odata.bind": `/contacts(${person})`,
    });
    await systems.sweep();
    await systems.lose();

    await systems.edit("acme_vehicles", vehicle, { "acme_keeperid_account@odata.bind": `/accounts(${company})` });
    await systems.settle();
    const moved = systems.world.records("cusVehicle");
    await systems.edit("acme_vehicles", vehicle, { "acme_keeperid_contact@odata.bind": `/contacts(${person})` });
    await systems.lose();
    await systems.sweep();

    expect(moved).toMatchObject([{ profileExternalId: "", keeperCompany: "Contoso" }]);
    expect(systems.world.records("cusVehicle")).toMatchObject([{ profileExternalId: person, keeperCompany: "" }]);
  });
});

describe("B23: the type of a lookup always reads null", () => {
  beforeEach(async () => {
    systems = await makeTwoSystems({ mappings: [withCompany] });
  });

  it.each(["notice", "load"])(
    "writes what kind of record a lookup points to, or that it points to none: by %s",
    async (path) => {
      const company = await systems.create("accounts", { name: "Contoso" });
      const head = await systems.create("contacts", { lastname: "Abendrot" });
      await systems.create("contacts", {
        lastname: "Birkholz",
        "parentcustomerid_account@odata.bind": `/accounts(${company})`,
      });
      await systems.create("contacts", {
        lastname: "Castellmar",
        "parentcustomerid_contact@odata.bind": `/contacts(${head})`,
      });
      if (path === "notice") await systems.settle();
      else {
        await systems.lose();
        await systems.sweep();
      }

      const written = systems.world
        .profiles()
        .map(({ lastName, salutation, middleName }) => [lastName, salutation, middleName]);
      expect(written.sort()).toEqual([
        ["Abendrot", "", ""],
        ["Birkholz", "account", "Contoso"],
        ["Castellmar", "contact", ""],
      ]);
    },
  );
});
