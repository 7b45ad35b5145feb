import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { type Row, refusal, useDataverse } from "./support.js";

const { api, connect, dataverse } = useDataverse();

describe("dynamics-web-api: single rows (facts/dataverse.md §5, §6.1)", () => {
  it("creates a row and answers its id", async () => {
    const id: string = await api().create({ collection: "contacts", data: { lastname: "Lee" } });

    const row: Row = await api().retrieve({ collection: "contacts", key: id, select: ["lastname"] });

    expect(row).toMatchObject({ contactid: id, lastname: "Lee" });
  });

  it("creates a row and answers it when asked for a representation", async () => {
    const row: Row = await api().create({
      collection: "contacts",
      data: { firstname: "Ann", lastname: "Lee", donotbulkemail: true },
      returnRepresentation: true,
      select: ["fullname", "donotbulkemail"],
    });

    expect(row).toMatchObject({ fullname: "Ann Lee", donotbulkemail: true });
  });

  it("reads labels and lookups with their annotations", async () => {
    const key: string = await api().create({
      collection: "contacts",
      data: { lastname: "Lee", gendercode: 2, "parentcustomerid_contact@odata.bind": `/contacts(${await made()})` },
    });

    const row: Row = await api().retrieve({
      collection: "contacts",
      key,
      select: ["gendercode", "_parentcustomerid_value"],
      includeAnnotations: "*",
    });

    expect(row).toMatchObject({
      "gendercode@OData.Community.Display.V1.FormattedValue": "Female",
      gendercode_Formatted: "Female",
      _parentcustomerid_value_LogicalName: "contact",
      _parentcustomerid_value_NavigationProperty: "parentcustomerid_contact",
    });
  });

  it("updates only what it sends", async () => {
    const key = await made({ firstname: "Ann" });

    await api().update({ collection: "contacts", key, data: { lastname: "Ng" } });

    expect(await api().retrieve({ collection: "contacts", key, select: ["fullname"] })).toMatchObject({
      fullname: "Ann Ng",
    });
  });

  it("updates and answers the row when asked for a representation", async () => {
    const key = await made();

    const row: Row = await api().update({
      collection: "contacts",
      key,
      data: { lastname: "Ng" },
      returnRepresentation: true,
      select: ["lastname"],
    });

    expect(row).toMatchObject({ contactid: key, lastname: "Ng" });
  });

  it("does not create the missing row of an update", async () => {
    const refused = await refusal(
      api().update({ collection: "contacts", key: randomUUID(), data: { lastname: "Ng" } }),
    );

    expect(refused).toMatchObject({ status: 404, code: "0x80040217" });
  });

  it("sets and clears a single property", async () => {
    const key = await made();

    await api().updateSingleProperty({ collection: "contacts", key, fieldValuePair: { jobtitle: "Baker" } });
    const before: Row = await api().retrieve({ collection: "contacts", key, select: ["jobtitle"] });
    await api().deleteRecord({ collection: "contacts", key, property: "jobtitle" });

    expect(before).toHaveProperty("jobtitle", "Baker");
    expect(await api().retrieve({ collection: "contacts", key, select: ["jobtitle"] })).toHaveProperty(
      "jobtitle",
      null,
    );
  });

  it("upserts by id: first creates, then updates", async () => {
    const key = randomUUID();

    await api().upsert({ collection: "contacts", key, data: { lastname: "Lee" } });
    await api().upsert({ collection: "contacts", key, data: { firstname: "Ann" } });

    expect(await api().retrieve({ collection: "contacts", key, select: ["fullname"] })).toMatchObject({
      fullname: "Ann Lee",
    });
  });

  it("learns from an upsert with If-None-Match that the row exists, as the answer null", async () => {
    const key = await made();

    const answer: unknown = await api().upsert({
      collection: "contacts",
      key,
      data: { lastname: "Ng" },
      ifnonematch: "*",
    });

    expect(answer).toBeNull();
    expect(await api().retrieve({ collection: "contacts", key, select: ["lastname"] })).toHaveProperty(
      "lastname",
      "Lee",
    );
  });

  it("deletes a row, after which it is not found", async () => {
    const key = await made();

    await api().deleteRecord({ collection: "contacts", key });

    expect(await refusal(api().retrieve({ collection: "contacts", key }))).toMatchObject({
      status: 404,
      code: "0x80040217",
    });
  });

  it("reads the row a lookup points at", async () => {
    const key = await made();

    const user: Row = await api().retrieve({
      collection: "contacts",
      key,
      navigationProperty: "createdby",
      select: ["systemuserid"],
    });

    expect(user).toHaveProperty("systemuserid", WELL_KNOWN.integrationUser);
  });

  it("finds the set of a table by its logical name when it is told to use those", async () => {
    const key = await made();

    const row: Row = await connect({ useEntityNames: true }).retrieve({
      collection: "contact",
      key,
      select: ["lastname"],
    });

    expect(row).toHaveProperty("contactid", key);
  });

  it("gets the code and message of an unknown column", async () => {
    const refused = await refusal(api().create({ collection: "contacts", data: { nosuchcolumn: 1 } }));

    expect(refused).toMatchObject({ status: 400, code: "0x80048d19" });
  });
});

describe("dynamics-web-api: versions (facts/dataverse.md §5)", () => {
  it("updates with the etag in force and answers false with another one", async () => {
    const key = await made();
    const read: Row = await api().retrieve({ collection: "contacts", key, select: ["lastname"] });
    const ifmatch = String(read["@odata.etag"]);

    await api().update({ collection: "contacts", key, data: { lastname: "Ng" }, ifmatch });
    const second: unknown = await api().update({ collection: "contacts", key, data: { lastname: "Oh" }, ifmatch });

    expect(second).toBe(false);
    expect(await api().retrieve({ collection: "contacts", key, select: ["lastname"] })).toHaveProperty(
      "lastname",
      "Ng",
    );
  });

  it("deletes only with the etag in force", async () => {
    const key = await made();
    const read: Row = await api().retrieve({ collection: "contacts", key, select: ["lastname"] });
    await api().update({ collection: "contacts", key, data: { lastname: "Ng" } });

    const answer: unknown = await api().deleteRecord({
      collection: "contacts",
      key,
      ifmatch: String(read["@odata.etag"]),
    });

    expect(answer).toBe(false);
    expect(await api().retrieve({ collection: "contacts", key, select: ["lastname"] })).toHaveProperty(
      "lastname",
      "Ng",
    );
  });

  it("answers nothing for a row that did not change since it was read, and the row once it did", async () => {
    const key = await made();
    const read: Row = await api().retrieve({ collection: "contacts", key, select: ["lastname"] });
    const request = { collection: "contacts", key, select: ["lastname"], ifnonematch: String(read["@odata.etag"]) };

    const unchanged: unknown = await api().retrieve(request);
    await api().update({ collection: "contacts", key, data: { lastname: "Ng" } });

    expect(unchanged).toBeUndefined();
    expect(await api().retrieve(request)).toHaveProperty("lastname", "Ng");
  });
});

describe("dynamics-web-api: alternate keys (facts/dataverse.md §6.1)", () => {
  it("creates, reads, updates and deletes by key once the key is defined", async () => {
    await dataverse().call("POST", "EntityDefinitions(LogicalName='contact')/Keys", {
      "@odata.type": "Microsoft.Dynamics.CRM.EntityKeyMetadata",
      SchemaName: "acs_EmployeeKey",
      DisplayName: { LocalizedLabels: [{ Label: "Employee", LanguageCode: 1033 }] },
      KeyAttributes: ["employeeid"],
    });
    const key = "employeeid='E-1'";

    await api().upsert({ collection: "contacts", key, data: { lastname: "Lee" } });
    await api().upsert({ collection: "contacts", key, data: { lastname: "Ng" } });
    const row: Row = await api().retrieve({ collection: "contacts", key, select: ["lastname", "employeeid"] });
    await api().deleteRecord({ collection: "contacts", key });

    expect(row).toMatchObject({ lastname: "Ng", employeeid: "E-1" });
    expect(await refusal(api().retrieve({ collection: "contacts", key }))).toMatchObject({
      status: 404,
      code: "0x80060891",
    });
  });
});

describe("dynamics-web-api: lookups and collections (facts/dataverse.md §3)", () => {
  it("sets and clears a lookup", async () => {
    const account: string = await api().create({ collection: "accounts", data: { name: "Bakery" } });
    const primaryKey = await made();
    const navigationProperty = "parentcustomerid_account";
    const lookup = async (): Promise<Row> =>
      api().retrieve({ collection: "contacts", key: primaryKey, select: ["_parentcustomerid_value"] });

    await api().associateSingleValued({
      collection: "contacts",
      primaryKey,
      navigationProperty,
      relatedCollection: "accounts",
      relatedKey: account,
    });
    const before = await lookup();
    await api().disassociateSingleValued({ collection: "contacts", primaryKey, navigationProperty });

    expect(before).toHaveProperty("_parentcustomerid_value", account);
    expect(await lookup()).toHaveProperty("_parentcustomerid_value", null);
  });

  it("puts a row into a collection of another and takes it out", async () => {
    const account: string = await api().create({ collection: "accounts", data: { name: "Bakery" } });
    const contact = await made();
    const relationshipName = "contact_customer_accounts";
    const members = async (): Promise<unknown[]> =>
      (
        await api().retrieveMultiple({
          collection: "contacts",
          select: ["contactid"],
          filter: `_parentcustomerid_value eq ${account}`,
        })
      ).value;

    await api().associate({
      collection: "accounts",
      primaryKey: account,
      relationshipName,
      relatedCollection: "contacts",
      relatedKey: contact,
    });
    const before = await members();
    await api().disassociate({ collection: "accounts", primaryKey: account, relationshipName, relatedKey: contact });

    expect(before).toMatchObject([{ contactid: contact }]);
    expect(await members()).toEqual([]);
  });
});

describe("dynamics-web-api: who is calling (facts/dataverse.md §8, §12)", () => {
  it("acts as another user by MSCRMCallerID, who is then the author", async () => {
    const key: string = await api().create({
      collection: "contacts",
      data: { lastname: "Lee" },
      impersonate: WELL_KNOWN.editorUser,
    });

    const row: Row = await api().retrieve({
      collection: "contacts",
      key,
      select: ["_createdby_value", "_createdonbehalfby_value"],
    });

    expect(row).toMatchObject({
      _createdby_value: WELL_KNOWN.editorUser,
      _createdonbehalfby_value: WELL_KNOWN.integrationUser,
    });
  });

  it("acts as another user by CallerObjectId", async () => {
    const editor: Row = await api().retrieve({
      collection: "systemusers",
      key: WELL_KNOWN.editorUser,
      select: ["azureactivedirectoryobjectid"],
    });
    const impersonateAAD = String(editor.azureactivedirectoryobjectid);

    const row: Row = await api().create({
      collection: "contacts",
      data: { lastname: "Lee" },
      impersonateAAD,
      returnRepresentation: true,
      select: ["_createdby_value"],
    });

    expect(row).toHaveProperty("_createdby_value", WELL_KNOWN.editorUser);
  });

  it("gets 403 with the code of an application without a user here", async () => {
    const refused = await refusal(connect({}, "stranger").retrieveMultiple({ collection: "contacts" }));

    expect(refused).toMatchObject({ status: 403, code: "0x80072560" });
  });
});

async function made(data: object = {}): Promise<string> {
  return api().create({ collection: "contacts", data: { lastname: "Lee", ...data } });
}
