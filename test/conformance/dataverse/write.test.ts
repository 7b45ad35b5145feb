// facts/dataverse.md §3, §5, §6.1, §13, §14: single-row writes over the wire.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
beforeAll(async () => {
  dataverse = await startDataverse();
});
afterAll(() => dataverse.close());

const rowOf = async (id: string) => (await dataverse.get(`contacts(${id})`)).json;
const newId = () => crypto.randomUUID();

describe("creating (§6.1)", () => {
  it("answers 204 with OData-EntityId, or 201 with the selected row for return=representation", async () => {
    const plain = await dataverse.call("POST", "contacts", { lastname: "Lee" });
    const full = await dataverse.call(
      "POST",
      "contacts?$select=fullname",
      { firstname: "Ann", lastname: "Lee" },
      { prefer: "return=representation" },
    );

    expect(plain.status).toBe(204);
    expect(plain.headers.get("odata-entityid")).toMatch(/\/api\/data\/v9\.2\/contacts\([0-9a-f-]{36}\)$/);
    expect(plain.headers.get("odata-version")).toBe("4.0");
    expect(full.status).toBe(201);
    expect(full.headers.get("odata-entityid")).toBeNull();
    expect(full.headers.get("preference-applied")).toBe("return=representation");
    expect(full.json).toMatchObject({ fullname: "Ann Lee", "@odata.etag": expect.any(String) });
    expect(full.json).not.toHaveProperty("lastname");
  });

  it("takes an own id once and answers 412 0x80040237 the second time", async () => {
    const contactid = newId();

    const first = await dataverse.call("POST", "contacts", { contactid, lastname: "Own" });
    const second = await dataverse.call("POST", "contacts", { contactid, lastname: "Own" });

    expect(first.status).toBe(204);
    expect(second.status).toBe(412);
    expect(second.json.error.code).toBe("0x80040237");
  });

  it("fills defaults, owner, audit and computed columns", async () => {
    const id = await dataverse.create("contacts", {
      ...{
        firstname: "Ann",
        lastname: "Lee",
        creditlimit: 1500.128,
        address1_line1: "1 Main St",
        address1_city: "Oslo",
      },
      ...{ address1_postalcode: "0150", address1_country: "Norway" },
    });

    expect(await rowOf(id)).toMatchObject({
      fullname: "Ann Lee",
      yomifullname: "Ann Lee",
      address1_composite: "1 Main St\r\nOslo, 0150\r\nNorway",
      creditlimit: 1500.13,
      creditlimit_base: 1500.13,
      exchangerate: 1,
      _transactioncurrencyid_value: WELL_KNOWN.currency,
      _ownerid_value: WELL_KNOWN.integrationUser,
      _owninguser_value: WELL_KNOWN.integrationUser,
      _createdby_value: WELL_KNOWN.integrationUser,
      donotbulkemail: false,
      followemail: true,
      customertypecode: 1,
      merged: false,
    });
  });

  it("does not demand lastname, and ignores columns that are not valid for create without a word", async () => {
    const id = await dataverse.create("contacts", {
      fullname: "Ignored",
      statecode: 1,
      merged: true,
      versionnumber: 1,
      createdon: "2001-01-01T00:00:00Z",
    });
    const row = await rowOf(id);

    expect(row).toMatchObject({ fullname: null, statecode: 0, merged: false });
    expect(row.createdon).not.toBe("2001-01-01T00:00:00Z");
  });

  it("takes createdon from overriddencreatedon", async () => {
    const id = await dataverse.create("contacts", { lastname: "Old", overriddencreatedon: "2001-02-03T00:00:00Z" });

    expect((await rowOf(id)).createdon).toBe("2001-02-03T00:00:00Z");
  });
});

describe("what a body may not hold (§13, §14)", () => {
  it.each([
    {
      body: { firstname: "x".repeat(51) },
      code: "0x80044331",
      message:
        "The length of the 'firstname' attribute of the 'contact' entity exceeded the maximum allowed length of '50'.",
    },
    { body: { gendercode: 9 }, code: "0x8004431A", message: "outside the valid range" },
    { body: { address1_utcoffset: 1501 }, code: "0x8004432f", message: "outside the valid range" },
    { body: { creditlimit: -1 }, code: "0x80044330", message: "outside the valid range" },
    { body: { address1_latitude: 91 }, code: "0x80044330", message: "outside the valid range" },
    { body: { nope: 1 }, code: "0x80048d19", message: "Invalid property 'nope'" },
    { body: { firstname: 5 }, code: "0x80048d19", message: "Edm.String" },
    { body: { gendercode: "1" }, code: "0x80048d19", message: "Edm.Int32" },
    { body: { donotemail: "true" }, code: "0x80048d19", message: "Edm.Boolean" },
    { body: { birthdate: "03.05.1990" }, code: "0x80048d19", message: "Edm.Date" },
    { body: { birthdate: "1990-05-03T00:00:00Z" }, code: "0x80048d19", message: "Edm.Date" },
    { body: { birthdate: "1990-02-31" }, code: "0x80048d19", message: "Edm.Date" },
    { body: { contactid: "x" }, code: "0x80048d19", message: "Edm.Guid" },
    { body: { _parentcustomerid_value: newId() }, code: "0x80048d19", message: "Navigation properties" },
    { body: { "parentcustomerid@odata.bind": "/accounts(x)" }, code: "0x80048d19", message: "parentcustomerid" },
    {
      body: { "ParentCustomerId_account@odata.bind": "/accounts(x)" },
      code: "0x80048d19",
      message: "ParentCustomerId_account",
    },
    { body: { "parentcustomerid_account@odata.bind": "nonsense" }, code: "0x80048d19", message: "nonsense" },
    {
      body: { "parentcustomerid_account@odata.bind": `/accounts(${newId()})` },
      code: "0x80040217",
      message: "account With Id",
    },
    { body: { birthdate: "1700-01-01" }, code: "0x80040203", message: "1753" },
    { body: "[1]", code: "0x80048d19", message: "" },
    { body: "{", code: "0x80048d19", message: "" },
  ])("refuses $body with $code and creates nothing", async ({ body, code, message }) => {
    const before = (await dataverse.get("contacts/$count")).text;

    const answer = await dataverse.call("POST", "contacts", body);

    expect(answer.json.error.code).toBe(code);
    expect(answer.json.error.message).toContain(message);
    expect(answer.status).toBe(code === "0x80040217" ? 404 : 400);
    expect((await dataverse.get("contacts/$count")).text).toBe(before);
  });

  it("has the help link and inner exception text of a payload error", async () => {
    const answer = await dataverse.call("POST", "contacts", { nope: 1 });

    expect(answer.json.error.message).toMatch(
      /^Error identified in Payload provided by the user for Entity :'contacts', .* {2}----> {2}InnerException : Microsoft\.OData\.ODataException: /,
    );
  });

  it("adds details to errors when all annotations are asked for", async () => {
    const answer = await dataverse.call("POST", "contacts", { nope: 1 }, { prefer: 'odata.include-annotations="*"' });

    expect(answer.json.error).toHaveProperty("@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus");
    expect(answer.json.error).toHaveProperty("@Microsoft.PowerApps.CDS.HelpLink");
  });
});

describe("updating and upserting (§5, §6.1)", () => {
  it("changes only the columns of the body, recomputes names, and raises version and modifiedon even for equal values", async () => {
    const id = await dataverse.create("contacts", { firstname: "Ann", lastname: "Lee", jobtitle: "Dev" });
    const before = await rowOf(id);
    await dataverse.sim("clock", { skewMs: 5000 });

    const answer = await dataverse.call("PATCH", `contacts(${id})`, { firstname: "Anna" });
    const changed = await rowOf(id);
    await dataverse.call("PATCH", `contacts(${id})`, { firstname: "Anna" });
    const again = await rowOf(id);
    await dataverse.sim("clock", { skewMs: 0 });

    expect(answer.status).toBe(204);
    expect(changed).toMatchObject({
      firstname: "Anna",
      fullname: "Anna Lee",
      jobtitle: "Dev",
      createdon: before.createdon,
    });
    expect(String(changed.modifiedon) > String(before.modifiedon)).toBe(true);
    expect(Number(again.versionnumber)).toBeGreaterThan(Number(changed.versionnumber));
  });

  it("creates by PATCH what does not exist: 204, or 201 with a representation, and then 200", async () => {
    const [plain, full] = [newId(), newId()];

    const created = await dataverse.call("PATCH", `contacts(${plain})`, { lastname: "New" });
    const represented = await dataverse.call(
      "PATCH",
      `contacts(${full})?$select=lastname`,
      { lastname: "New" },
      { prefer: "return=representation" },
    );
    const updated = await dataverse.call(
      "PATCH",
      `contacts(${full})?$select=lastname`,
      { lastname: "Newer" },
      { prefer: "return=representation" },
    );

    expect(created.status).toBe(204);
    expect(created.headers.get("odata-entityid")).toBe(`${dataverse.api}/contacts(${plain})`);
    expect(represented.status).toBe(201);
    expect(updated.status).toBe(200);
    expect(updated.json.lastname).toBe("Newer");
    expect(updated.headers.get("etag")).toBe(updated.json["@odata.etag"]);
  });

  it("with If-Match: * does not create (404), with If-None-Match: * does not update (412)", async () => {
    const id = newId();
    const missing = await dataverse.call("PATCH", `contacts(${id})`, { lastname: "X" }, { "if-match": "*" });
    await dataverse.call("PATCH", `contacts(${id})`, { lastname: "X" }, { "if-none-match": "*" });
    const exists = await dataverse.call("PATCH", `contacts(${id})`, { lastname: "Y" }, { "if-none-match": "*" });

    expect(missing.status).toBe(404);
    expect(missing.json.error.code).toBe("0x80040217");
    expect(exists.status).toBe(412);
    expect(exists.json.error.message).toBe("A record with matching key values already exists.");
    expect((await rowOf(id)).lastname).toBe("X");
  });

  it("with a stale etag answers 412 to PATCH and DELETE and changes nothing; with the current one it works", async () => {
    const id = await dataverse.create("contacts", { lastname: "A" });
    const etag = String((await rowOf(id))["@odata.etag"]);
    await dataverse.call("PATCH", `contacts(${id})`, { lastname: "B" });

    const patch = await dataverse.call("PATCH", `contacts(${id})`, { lastname: "C" }, { "if-match": etag });
    const remove = await dataverse.call("DELETE", `contacts(${id})`, undefined, { "if-match": etag });
    const current = String((await rowOf(id))["@odata.etag"]);
    const good = await dataverse.call("PATCH", `contacts(${id})`, { lastname: "D" }, { "if-match": current });

    expect([patch.status, remove.status, good.status]).toEqual([412, 412, 204]);
    expect(patch.json.error.message).toBe(
      "The version of the existing record doesn't match the RowVersion property provided.",
    );
    expect((await rowOf(id)).lastname).toBe("D");
  });

  it("ignores If-None-Match: null, which clients send against caches", async () => {
    const id = await dataverse.create("contacts", { lastname: "A" });

    const answer = await dataverse.call("PATCH", `contacts(${id})`, { lastname: "B" }, { "if-none-match": "null" });

    expect(answer.status).toBe(204);
  });

  it("clears with null, and default columns stay cleared", async () => {
    const id = await dataverse.create("contacts", { lastname: "A", jobtitle: "Dev" });

    await dataverse.call("PATCH", `contacts(${id})`, { jobtitle: null, preferredcontactmethodcode: null });

    expect(await rowOf(id)).toMatchObject({ jobtitle: null, preferredcontactmethodcode: null });
  });

  it("sets and deletes a single property", async () => {
    const id = await dataverse.create("contacts", { firstname: "Ann", lastname: "A" });

    const put = await dataverse.call("PUT", `contacts(${id})/lastname`, { value: "Lee" });
    const afterPut = await rowOf(id);
    const remove = await dataverse.call("DELETE", `contacts(${id})/firstname`);

    expect([put.status, remove.status]).toEqual([204, 204]);
    expect(afterPut.fullname).toBe("Ann Lee");
    expect(await rowOf(id)).toMatchObject({ firstname: null, fullname: "Lee" });
  });

  it("refuses PATCH on a set and POST on a row with 405", async () => {
    const id = await dataverse.create("contacts", { lastname: "A" });

    expect((await dataverse.call("PATCH", "contacts", { lastname: "B" })).status).toBe(405);
    expect((await dataverse.call("POST", `contacts(${id})`, { lastname: "B" })).status).toBe(405);
  });
});

describe("lookups (§3)", () => {
  it("are set by bind to one of their tables, and cleared in three ways", async () => {
    const accountId = await dataverse.create("accounts", { name: "Fabrikam" });
    const bossId = await dataverse.create("contacts", { lastname: "Boss" });
    const binds = [`/accounts(${accountId})`, `accounts(${accountId})`, `${dataverse.api}/accounts(${accountId})`];
    const parentOf = async (id: string) => (await rowOf(id))._parentcustomerid_value;

    for (const bind of binds) {
      const id = await dataverse.create("contacts", { "parentcustomerid_account@odata.bind": bind });
      expect(await parentOf(id)).toBe(accountId);
    }
    const id = await dataverse.create("contacts", { "parentcustomerid_contact@odata.bind": `/contacts(${bossId})` });
    expect((await rowOf(id))._parentcontactid_value).toBe(bossId);

    for (const clear of [
      () => dataverse.call("PATCH", `contacts(${id})`, { "parentcustomerid_contact@odata.bind": null }),
      () => dataverse.call("PATCH", `contacts(${id})`, { parentcustomerid_contact: null }),
      () => dataverse.call("DELETE", `contacts(${id})/parentcustomerid_contact/$ref`),
    ]) {
      expect((await clear()).status).toBe(204);
      expect(await parentOf(id)).toBeNull();
      const set = await dataverse.call("PUT", `contacts(${id})/parentcustomerid_contact/$ref`, {
        "@odata.id": `${dataverse.api}/contacts(${bossId})`,
      });
      expect(set.status).toBe(204);
      expect(await parentOf(id)).toBe(bossId);
    }
  });

  it("are set through the collection of the other side, and unset", async () => {
    const accountId = await dataverse.create("accounts", { name: "Fabrikam" });
    const id = await dataverse.create("contacts", { lastname: "A" });

    const add = await dataverse.call("POST", `accounts(${accountId})/contact_customer_accounts/$ref`, {
      "@odata.id": `${dataverse.api}/contacts(${id})`,
    });
    const added = (await rowOf(id))._parentcustomerid_value;
    const remove = await dataverse.call("DELETE", `accounts(${accountId})/contact_customer_accounts(${id})/$ref`);

    expect([add.status, remove.status]).toEqual([204, 204]);
    expect(added).toBe(accountId);
    expect((await rowOf(id))._parentcustomerid_value).toBeNull();
  });
});

describe("states (§14)", () => {
  it("move together: deactivating takes the default status, a status of another state is refused", async () => {
    const id = await dataverse.create("contacts", { lastname: "A" });

    const off = await dataverse.call("PATCH", `contacts(${id})`, { statecode: 1 });
    const inactive = await rowOf(id);
    const bad = await dataverse.call("PATCH", `contacts(${id})`, { statecode: 0, statuscode: 2 });
    const on = await dataverse.call("PATCH", `contacts(${id})`, { statecode: 0, statuscode: 1 });

    expect([off.status, bad.status, on.status]).toEqual([204, 400, 204]);
    expect(inactive).toMatchObject({ statecode: 1, statuscode: 2 });
    expect(bad.json.error.message).toContain("is not a valid status code for state code");
  });
});

describe("deleting (§3, §10)", () => {
  it("answers 204, then 404 to read and delete; the id can be used again", async () => {
    const id = await dataverse.create("contacts", { lastname: "A" });

    const first = await dataverse.call("DELETE", `contacts(${id})`);
    const read = await dataverse.get(`contacts(${id})`);
    const second = await dataverse.call("DELETE", `contacts(${id})`);
    const again = await dataverse.call("POST", "contacts", { contactid: id, lastname: "Back" });

    expect([first.status, read.status, second.status, again.status]).toEqual([204, 404, 404, 204]);
  });

  it("removes the link of rows that named it, and takes its activities with it", async () => {
    const bossId = await dataverse.create("contacts", { lastname: "Boss" });
    const id = await dataverse.create("contacts", { "parentcustomerid_contact@odata.bind": `/contacts(${bossId})` });
    const taskId = await dataverse.create("tasks", {
      subject: "T",
      "regardingobjectid_contact_task@odata.bind": `/contacts(${bossId})`,
    });

    await dataverse.call("DELETE", `contacts(${bossId})`);

    expect(await rowOf(id)).toMatchObject({ _parentcustomerid_value: null, _parentcontactid_value: null });
    expect((await dataverse.get(`tasks(${taskId})`)).status).toBe(404);
    expect((await dataverse.get(`activitypointers(${taskId})`)).status).toBe(404);
  });
});
