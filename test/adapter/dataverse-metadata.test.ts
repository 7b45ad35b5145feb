import { beforeEach, describe, expect, it } from "vitest";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { anAttribute } from "../../infra/local/scenarios/acme/dynamics-tables.js";
import { makeMetadataSource } from "../../shared/dataverse/metadata.js";
import { AuthError } from "../../shared/errors.js";
import type { MetadataSource } from "../../shared/flows/ports.js";
import { type AcmeDynamics, makeAcmeDynamics } from "../support/acme-tables.js";
import { fixedClock } from "../support/fixed-clock.js";

let dynamics: AcmeDynamics;
let metadata: MetadataSource;

beforeEach(async () => {
  dynamics = await makeAcmeDynamics(fixedClock("2026-03-01T00:00:00Z"), ["acme_dealer"]);
  metadata = makeMetadataSource(dynamics.client);
});

const ask = (tables: Readonly<Record<string, readonly string[]>>) =>
  metadata.tables(new Map(Object.entries(tables).map(([name, columns]) => [name, new Set(columns)])));

describe("what Dataverse says of tables", () => {
  it("names set, id and change tracking of each table, and leaves out those that do not exist", async () => {
    const found = await ask({ contact: [], acme_dealer: [], acme_visit: [], acme_nothing: [] });

    expect([...found.keys()].sort()).toEqual(["acme_dealer", "acme_visit", "contact"]);
    expect(found.get("contact")).toMatchObject({ set: "contacts", id: "contactid", changeTracking: "on" });
    expect(found.get("acme_dealer")).toMatchObject({ set: "acme_dealers", changeTracking: "on" });
    expect(found.get("acme_visit")).toMatchObject({ set: "acme_visits", id: "acme_visitid", changeTracking: "off" });
  });

  it("says of each wanted column all that its type has, and leaves out those that do not exist", async () => {
    const found = await ask({
      acme_vehicle: ["acme_name", "acme_fuel", "acme_extras", "acme_price", "acme_keeperid", "statecode", "acme_gone"],
      acme_visit: ["acme_localtime", "acme_finishedon"],
      acme_dealer: ["acme_premium", "acme_dealerid"],
      contact: ["birthdate", "parentcustomerid", "ownerid", "description", "gendercode"],
    });

    const of = (table: string) => Object.fromEntries(found.get(table)?.columns ?? []);
    const english = (value: number, text: string) => ({ value, labels: new Map([[1033, text]]) });
    expect(Object.keys(of("acme_vehicle")).sort()).toEqual([
      "acme_extras",
      "acme_fuel",
      "acme_keeperid",
      "acme_name",
      "acme_price",
      "statecode",
    ]);
    expect(of("acme_vehicle")).toMatchObject({
      acme_name: { type: "string", maxLength: 100, readable: true },
      acme_fuel: {
        type: "choice",
        options: [english(727000000, "Petrol"), english(727000001, "Diesel"), english(727000002, "Electric")],
      },
      acme_extras: {
        type: "choices",
        options: [english(1, "Towbar"), english(2, "Sunroof"), english(3, "Winter tyres")],
      },
      acme_price: { type: "money" },
      acme_keeperid: { type: "lookup", targets: ["contact", "account"] },
      statecode: { type: "choice", options: [english(0, "Active"), english(1, "Inactive")] },
    });
    expect(of("acme_visit")).toMatchObject({
      acme_localtime: { type: "datetime", behaviour: "timeZoneIndependent", showsDayOnly: false },
      acme_finishedon: { type: "datetime", behaviour: "userLocal", showsDayOnly: false },
    });
    expect(of("acme_dealer")).toMatchObject({
      acme_premium: { type: "boolean", options: [english(0, "Standard dealer"), english(1, "Premium dealer")] },
      acme_dealerid: { type: "id" },
    });
    expect(of("contact")).toMatchObject({
      birthdate: { type: "datetime", behaviour: "dateOnly", showsDayOnly: true },
      parentcustomerid: { type: "lookup", targets: expect.arrayContaining(["account", "contact"]) },
      ownerid: { type: "lookup" },
      description: { type: "string", kind: "Memo", maxLength: 2000 },
      gendercode: { type: "choice" },
    });
  });

  it("asks once for all tables, once a table for its columns and once for each kind of column that is wanted", async () => {
    await ask({ acme_dealer: ["acme_name", "acme_city", "acme_rating"], acme_visit: ["acme_visitid"] });

    const paths = dynamics.asked.filter((path) => path.startsWith("EntityDefinitions"));
    expect(paths.map((path) => path.split("?")[0])).toEqual([
      "EntityDefinitions",
      "EntityDefinitions(LogicalName='acme_dealer')/Attributes",
      "EntityDefinitions(LogicalName='acme_dealer')/Attributes/Microsoft.Dynamics.CRM.StringAttributeMetadata",
      "EntityDefinitions(LogicalName='acme_visit')/Attributes",
    ]);
  });

  it("asks nothing when nothing is wanted", async () => {
    await ask({});

    expect(dynamics.asked).toEqual([]);
  });

  it("sees a column that was added a moment ago", async () => {
    const attribute = anAttribute("Memo", "acme_slogan", { MaxLength: 500 });
    await dynamics.define("POST", "EntityDefinitions(LogicalName='acme_dealer')/Attributes", attribute);

    const found = await ask({ acme_dealer: ["acme_slogan"] });

    expect(found.get("acme_dealer")?.columns.get("acme_slogan")).toMatchObject({ type: "string", maxLength: 500 });
  });

  it("says whose fault it is when our user may not read definitions", async () => {
    metadata = makeMetadataSource(dynamics.clientAs(LOCAL_APPS.stranger));

    await expect(ask({ contact: [] })).rejects.toThrow(AuthError);
  });
});
