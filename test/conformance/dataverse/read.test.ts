// facts/dataverse.md §3 and §13: reads of contacts over the wire.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
const ids: Record<string, string> = {};
let accountId: string;

beforeAll(async () => {
  dataverse = await startDataverse();
  accountId = await dataverse.create("accounts", { name: "Fabrikam" });
  const people = [
    {
      firstname: "Ann",
      lastname: "O'Neil",
      gendercode: 2,
      birthdate: "1990-05-03",
      creditlimit: 20000,
      donotemail: true,
    },
    {
      firstname: "bob",
      lastname: "Zimmer",
      gendercode: 1,
      "parentcustomerid_account@odata.bind": `/accounts(${accountId})`,
    },
    { firstname: "Carla", lastname: "Adams", emailaddress1: "carla@example.com" },
    { firstname: "Dan", lastname: "adams", description: "line one\nline two" },
    { firstname: null, lastname: "Ng" },
  ];
  for (const person of people) ids[person.lastname] = await dataverse.create("contacts", person);
});
afterAll(() => dataverse.close());

const lastnames = async (query: string): Promise<unknown[]> => {
  const answer = await dataverse.get(`contacts?$select=lastname&${query}`);
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json.value.map(({ lastname }) => lastname);
};

describe("$select (§3)", () => {
  it("returns the selected columns, the primary key and the etag, and null for what is not set", async () => {
    const answer = await dataverse.get(`contacts(${ids.Ng})?$select=firstname,lastname`);

    expect(answer.json).toEqual({
      "@odata.context": `${dataverse.api}/$metadata#contacts(firstname,lastname)/$entity`,
      "@odata.etag": expect.stringMatching(/^W\/"\d+"$/),
      firstname: null,
      lastname: "Ng",
      contactid: ids.Ng,
    });
  });

  it("adds the currency when a Money column is selected", async () => {
    const answer = await dataverse.get(`contacts(${ids["O'Neil"]})?$select=creditlimit`);

    expect(answer.json).toMatchObject({ creditlimit: 20000, _transactioncurrencyid_value: WELL_KNOWN.currency });
  });

  it("returns every column without $select, lookups as _x_value, dates in their formats", async () => {
    const { json } = await dataverse.get(`contacts(${ids.Zimmer})`);

    expect(json).toMatchObject({
      fullname: "bob Zimmer",
      _parentcustomerid_value: accountId,
      _accountid_value: accountId,
      donotbulkemail: false,
      followemail: true,
      preferredcontactmethodcode: 1,
      statecode: 0,
      statuscode: 1,
      emailaddress1: null,
      createdon: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expect(json).not.toHaveProperty("parentcustomerid");
    expect(`W/"${json.versionnumber}"`).toBe(json["@odata.etag"]);
    expect((await dataverse.get(`contacts(${ids["O'Neil"]})?$select=birthdate`)).json.birthdate).toBe("1990-05-03");
  });

  it("refuses a column that does not exist with 400 0x80060888", async () => {
    const answer = await dataverse.get("contacts?$select=nope");

    expect(answer.status).toBe(400);
    expect(answer.json.error).toEqual({
      code: "0x80060888",
      message: "Could not find a property named 'nope' on type 'Microsoft.Dynamics.CRM.contact'.",
    });
  });
});

describe("$filter (§3)", () => {
  it.each([
    ["lastname eq 'ADAMS'", ["Adams", "adams"]],
    ["lastname eq 'O''Neil'", ["O'Neil"]],
    ["lastname ne 'adams' and firstname ne null", ["O'Neil", "Zimmer"]],
    ["firstname eq null", ["Ng"]],
    ["gendercode eq 1 or gendercode eq 2", ["O'Neil", "Zimmer"]],
    ["gendercode ge 2", ["O'Neil"]],
    ["not (gendercode lt 3)", ["Adams", "adams", "Ng"]],
    ["contains(lastname,'DAM')", ["Adams", "adams"]],
    ["startswith(firstname,'c')", ["Adams"]],
    ["endswith(emailaddress1,'example.com')", ["Adams"]],
    ["donotemail eq true", ["O'Neil"]],
    ["donotemail", ["O'Neil"]],
    ["birthdate eq 1990-05-03", ["O'Neil"]],
    ["creditlimit gt 19999.5", ["O'Neil"]],
    ["createdon gt 2020-01-01T00:00:00Z and createdon lt 2020-01-02T00:00:00Z", []],
    ["parentcustomerid_account/name eq 'fabrikam'", ["Zimmer"]],
    ["'adams' eq lastname", ["Adams", "adams"]],
    ['Microsoft.Dynamics.CRM.In(PropertyName=\'lastname\',PropertyValues=["ng","zimmer"])', ["Ng", "Zimmer"]],
    ["Microsoft.Dynamics.CRM.NotIn(PropertyName='lastname',PropertyValues=['ng','zimmer','adams'])", ["O'Neil"]],
    ["Microsoft.Dynamics.CRM.In(PropertyName='gendercode',PropertyValues=['1'])", ["Zimmer"]],
    ["Microsoft.Dynamics.CRM.Between(PropertyName='creditlimit',PropertyValues=['1','20000'])", ["O'Neil"]],
    ["Microsoft.Dynamics.CRM.On(PropertyName='birthdate',PropertyValue='1990-05-03')", ["O'Neil"]],
    ["Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=3) and gendercode eq 1", ["Zimmer"]],
    ["lastname eq @p1&@p1='Ng'", ["Ng"]],
    ["statecode eq 0 and (firstname eq 'ann' or firstname eq 'dan')", ["O'Neil", "adams"]],
  ])("%s finds %j", async (filter, expected) => {
    const [expression = "", alias] = filter.split("&");

    const found = await lastnames(`$filter=${encodeURIComponent(expression)}${alias ? `&${alias}` : ""}`);

    expect(found.sort()).toEqual([...expected].sort());
  });

  it("finds many rows by id at once, in any case and with ids that do not exist", async () => {
    const wanted = [ids.Ng?.toUpperCase(), ids.Adams, "00000000-0000-4000-8000-000000000000"];

    const byIn = await lastnames(
      `$filter=Microsoft.Dynamics.CRM.In(PropertyName='contactid',PropertyValues=[${wanted.map((id) => `"${id}"`)}])`,
    );
    const byOr = await lastnames(`$filter=${wanted.map((id) => `contactid eq ${id}`).join(" or ")}`);

    expect(byIn.sort()).toEqual(["Adams", "Ng"]);
    expect(byOr.sort()).toEqual(["Adams", "Ng"]);
  });

  it("finds rows above a version", async () => {
    const { json } = await dataverse.get(`contacts(${ids.adams})?$select=versionnumber`);

    expect(await lastnames(`$filter=versionnumber gt ${json.versionnumber}`)).toEqual(["Ng"]);
  });

  it.each([
    ["nope eq 1", "Could not find a property named 'nope'"],
    ["parentcustomerid eq 1", "Could not find a property named 'parentcustomerid'"],
    ["gendercode eq 'x'", "incompatible types"],
    ["contactid eq 'x'", "incompatible types"],
    ["lastname eq", "Syntax error"],
    ["lastname = 'x'", "Syntax error"],
    ["(lastname eq 'x'", "Syntax error"],
    ["lower(lastname) eq 'x'", ""],
    ["nofunction(lastname,'x')", "unknown function"],
    ["lastname", "boolean"],
  ])("refuses %s", async (filter, message) => {
    const answer = await dataverse.get(`contacts?$filter=${encodeURIComponent(filter)}`);

    expect([400, 501]).toContain(answer.status);
    expect(answer.json.error.message).toContain(message);
  });

  it("says with 501 which query function it does not imitate", async () => {
    const answer = await dataverse.get(
      "contacts?$filter=Microsoft.Dynamics.CRM.ThisFiscalYear(PropertyName='createdon')",
    );

    expect(answer.status).toBe(501);
    expect(answer.json.error.message).toContain("ThisFiscalYear");
  });
});

describe("order, pages and counts (§3)", () => {
  it("orders without case, nulls first when ascending, by several columns", async () => {
    expect(await lastnames("$orderby=firstname")).toEqual(["Ng", "O'Neil", "Zimmer", "Adams", "adams"]);
    expect(await lastnames("$orderby=lastname desc,firstname desc")).toEqual([
      "Zimmer",
      "O'Neil",
      "Ng",
      "adams",
      "Adams",
    ]);
  });

  it.each(["", "&$orderby=lastname", "&$orderby=lastname desc", "&$filter=lastname ne 'Ng'"])(
    "gives every row once over nextLink with maxpagesize 2 (%s)",
    async (query) => {
      const whole = await dataverse.get(`contacts?$select=lastname${query}`);
      const seen: unknown[] = [];
      let next: string | undefined = `contacts?$select=lastname${query}`;
      let pages = 0;
      while (next) {
        const page = await dataverse.get(next, { prefer: "odata.maxpagesize=2" });
        expect(page.json.value.length).toBeLessThanOrEqual(2);
        seen.push(...page.json.value.map(({ contactid }) => contactid));
        next = page.json["@odata.nextLink"] as string | undefined;
        pages += 1;
      }

      expect(seen).toEqual(whole.json.value.map(({ contactid }) => contactid));
      expect(pages).toBe(Math.ceil(whole.json.value.length / 2));
    },
  );

  it("puts an opaque cookie with page number and istracking into nextLink, and refuses one that was changed", async () => {
    const page = await dataverse.get("contacts?$select=lastname", { prefer: "odata.maxpagesize=2" });
    const link = page.json["@odata.nextLink"] as string;

    const changed = await dataverse.get(link.replace("pagingcookie", "cookie"));

    expect(new URL(link).searchParams.get("$skiptoken")).toMatch(
      /^<cookie pagenumber="2" pagingcookie="[^"]+" istracking="False" \/>$/,
    );
    expect(changed.status).toBe(400);
  });

  it("keeps rows inserted or deleted between pages from shifting the others", async () => {
    const other = await startDataverse();
    const own: string[] = [];
    for (let index = 0; index < 6; index += 1) own.push(await other.create("contacts", { lastname: `L${index}` }));
    const first = await other.get("contacts?$select=lastname", { prefer: "odata.maxpagesize=3" });
    const firstIds = first.json.value.map(({ contactid }) => String(contactid));
    await other.call("DELETE", `contacts(${firstIds[0]})`);
    const rest = await other.get(String(first.json["@odata.nextLink"]), { prefer: "odata.maxpagesize=3" });
    await other.close();

    expect([...firstIds, ...rest.json.value.map(({ contactid }) => contactid)].sort()).toEqual(own.sort());
  });

  it("limits by $top without a nextLink, and ignores $top beside maxpagesize", async () => {
    const top = await dataverse.get("contacts?$top=2");
    const both = await dataverse.get("contacts?$top=2", { prefer: "odata.maxpagesize=4" });

    expect(top.json.value.length).toBe(2);
    expect(top.json["@odata.nextLink"]).toBeUndefined();
    expect(both.json.value.length).toBe(4);
    expect(both.json["@odata.nextLink"]).toBeDefined();
  });

  it("counts with $count=true and /$count, capped as the switches say", async () => {
    const other = await startDataverse({ switches: { countCap: 3 } });
    for (let index = 0; index < 5; index += 1) await other.create("contacts", { lastname: `L${index}` });
    const inList = await other.get("contacts?$select=lastname&$count=true&$top=1");
    const capped = await other.get("contacts/$count");
    await other.sim("switches", { countSegmentCapped: false });
    const uncapped = await other.get("contacts/$count");
    const filtered = await other.get("contacts/$count?$filter=lastname eq 'L1'");
    const snapshot = await other.get("RetrieveTotalRecordCount(EntityNames=['contact'])");
    await other.close();

    expect(inList.json["@odata.count"]).toBe(3);
    expect(capped.headers.get("content-type")).toBe("text/plain");
    expect([capped.text, uncapped.text, filtered.text]).toEqual(["3", "5", "1"]);
    expect(snapshot.json.EntityRecordCountCollection).toEqual({
      Count: 1,
      IsReadOnly: false,
      Keys: ["contact"],
      Values: [5],
    });
  });

  it.each(["$skip=1", "$search=x", "$format=json", "$Select=lastname", "$top=-1"])(
    "refuses %s with 400",
    async (option) => {
      expect((await dataverse.get(`contacts?${option}`)).status).toBe(400);
    },
  );

  it("takes an URL of 32,000 characters", async () => {
    const clauses = Array.from({ length: 500 }, (_, index) => `lastname eq 'name number ${index} of 500'`).join(" or ");

    const answer = await dataverse.get(
      `contacts?$filter=${encodeURIComponent(clauses)
        .slice(0, 31_900)
        .replace(/%20or(?!.*%20or).*$/, "")}`,
    );

    expect(answer.status).toBe(200);
  });
});

describe("annotations (§3)", () => {
  it("come before the property they describe, only when asked for", async () => {
    const path = `contacts(${ids.Zimmer})?$select=gendercode,_parentcustomerid_value`;
    const plain = await dataverse.get(path);
    const annotated = await dataverse.get(path, { prefer: 'odata.include-annotations="*"' });
    const names = Object.keys(annotated.json);

    expect(plain.text).not.toContain("FormattedValue");
    expect(annotated.json).toMatchObject({
      "gendercode@OData.Community.Display.V1.FormattedValue": "Male",
      "_parentcustomerid_value@OData.Community.Display.V1.FormattedValue": "Fabrikam",
      "_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
      "_parentcustomerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty": "parentcustomerid_account",
    });
    expect(names.indexOf("gendercode@OData.Community.Display.V1.FormattedValue")).toBe(names.indexOf("gendercode") - 1);
    expect(annotated.headers.get("preference-applied")).toContain("odata.include-annotations");
  });

  it("can be chosen by name or wildcard", async () => {
    const path = `contacts(${ids.Zimmer})?$select=_parentcustomerid_value`;

    const onlyCrm = await dataverse.get(path, { prefer: 'odata.include-annotations="Microsoft.Dynamics.CRM.*"' });

    expect(onlyCrm.text).toContain("lookuplogicalname");
    expect(onlyCrm.text).not.toContain("FormattedValue");
  });
});

describe("single rows and what hangs on them (§3, §5, §13)", () => {
  it("answers 404 0x80040217 for an id that does not exist and 404 for an unknown set", async () => {
    const id = "00000000-0000-4000-8000-000000000000";
    const missing = await dataverse.get(`contacts(${id})`);
    const unknown = await dataverse.get("contactz");

    expect(missing.status).toBe(404);
    expect(missing.json.error).toEqual({ code: "0x80040217", message: `contact With Id = ${id} Does Not Exist` });
    expect(unknown.status).toBe(404);
    expect(unknown.json.error.message).toBe("Resource not found for the segment 'contactz'.");
  });

  it("answers 304 to If-None-Match with the current etag and 200 with another", async () => {
    const path = `contacts(${ids.Ng})?$select=lastname`;
    const { json } = await dataverse.get(path);

    const same = await dataverse.get(path, { "if-none-match": String(json["@odata.etag"]) });
    const other = await dataverse.get(path, { "if-none-match": 'W/"1"' });
    const never = await dataverse.get(path, { "if-none-match": "null" });

    expect([same.status, other.status, never.status]).toEqual([304, 200, 200]);
    expect(same.text).toBe("");
  });

  it("reads a property, its raw value, a single and a collection navigation property", async () => {
    const property = await dataverse.get(`contacts(${ids.Ng})/lastname`);
    const raw = await dataverse.get(`contacts(${ids.Ng})/lastname/$value`);
    const account = await dataverse.get(`contacts(${ids.Zimmer})/parentcustomerid_account?$select=name`);
    const people = await dataverse.get(`accounts(${accountId})/contact_customer_accounts?$select=lastname`);

    expect(property.json.value).toBe("Ng");
    expect(raw.text).toBe("Ng");
    expect(account.json.name).toBe("Fabrikam");
    expect(people.json.value).toMatchObject([{ lastname: "Zimmer" }]);
  });

  it("expands inside an expanded row, with options of its own (§3)", async () => {
    const { json } = await dataverse.get(
      `contacts(${ids.Zimmer})?$select=lastname&$expand=parentcustomerid_account($select=name;$expand=contact_customer_accounts($select=lastname;$orderby=lastname desc;$top=1))`,
    );
    const account = json.parentcustomerid_account as { contact_customer_accounts: object[] };

    expect(account).toMatchObject({ accountid: accountId });
    expect(account.contact_customer_accounts).toMatchObject([{ lastname: "Zimmer" }]);
  });

  it("expands single and collection navigation properties with their own options", async () => {
    const single = await dataverse.get(
      `contacts(${ids.Zimmer})?$select=lastname&$expand=parentcustomerid_account($select=name)`,
    );
    const none = await dataverse.get(
      `contacts(${ids.Ng})?$select=lastname&$expand=parentcustomerid_account($select=name)`,
    );
    const collection = await dataverse.get(
      `accounts(${accountId})?$select=name&$expand=contact_customer_accounts($select=lastname;$filter=gendercode eq 1;$orderby=lastname;$top=5)`,
    );

    expect(single.json.parentcustomerid_account).toMatchObject({ name: "Fabrikam", accountid: accountId });
    expect(none.json.parentcustomerid_account).toBeNull();
    expect(collection.json.contact_customer_accounts).toMatchObject([{ lastname: "Zimmer" }]);
  });

  it("says with 501 what it does not imitate", async () => {
    expect((await dataverse.get("leads")).status).toBe(501);
    expect((await dataverse.get("$metadata")).status).toBe(501);
  });
});
