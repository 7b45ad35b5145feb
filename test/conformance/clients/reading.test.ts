import { beforeAll, describe, expect, it } from "vitest";
import { type Row, useDataverse } from "./support.js";

const { api } = useDataverse();

beforeAll(async () => {
  const account: string = await api().create({ collection: "accounts", data: { name: "Bakery" } });
  for (let index = 0; index < 25; index += 1) {
    await api().create({
      collection: "contacts",
      data: {
        firstname: "Ann",
        lastname: `Lee ${String(index).padStart(2, "0")}`,
        jobtitle: index % 2 === 0 ? "Baker" : "Miller",
        "parentcustomerid_account@odata.bind": `/accounts(${account})`,
      },
    });
  }
});

const names = (rows: Row[]): unknown[] => rows.map(({ lastname }) => lastname);

describe("dynamics-web-api: lists (facts/dataverse.md §3)", () => {
  it("selects, filters, orders and takes the first few", async () => {
    const { value } = await api().retrieveMultiple<Row>({
      collection: "contacts",
      select: ["lastname"],
      filter: "jobtitle eq 'baker' and startswith(lastname,'lee')",
      orderBy: ["lastname desc"],
      top: 2,
    });

    expect(names(value)).toEqual(["Lee 24", "Lee 22"]);
    expect(value[0]).not.toHaveProperty("jobtitle");
  });

  it("expands a lookup and a collection with options of their own", async () => {
    const contacts = await api().retrieveMultiple<Row>({
      collection: "contacts",
      select: ["lastname"],
      top: 1,
      expand: [{ property: "parentcustomerid_account", select: ["name"] }],
    });
    const accounts = await api().retrieveMultiple<Row>({
      collection: "accounts",
      select: ["name"],
      expand: [{ property: "contact_customer_accounts", select: ["lastname"], filter: "jobtitle eq 'Miller'", top: 3 }],
    });

    expect(contacts.value[0]).toMatchObject({ parentcustomerid_account: { name: "Bakery" } });
    expect(accounts.value[0]?.contact_customer_accounts).toHaveLength(3);
  });

  it("gives pages with a link to the next one", async () => {
    const request = { collection: "contacts", select: ["lastname"], orderBy: ["lastname"], maxPageSize: 10 };

    const first = await api().retrieveMultiple<Row>(request);
    const second = await api().retrieveMultiple<Row>(request, first.oDataNextLink);

    expect(first.value).toHaveLength(10);
    expect(names(second.value)[0]).toBe("Lee 10");
  });

  it("reads every page into one list", async () => {
    const { value } = await api().retrieveAll<Row>({ collection: "contacts", select: ["lastname"], maxPageSize: 10 });

    expect(value).toHaveLength(25);
    expect(new Set(names(value)).size).toBe(25);
  });

  it("counts with a list, by itself, and by reading all pages", async () => {
    const listed = await api().retrieveMultiple({ collection: "contacts", select: ["contactid"], count: true, top: 1 });
    const counted = await api().count({ collection: "contacts" });
    const filtered = await api().count({ collection: "contacts", filter: "jobtitle eq 'Baker'" });
    const read = await api().countAll({ collection: "contacts", select: ["contactid"], filter: "jobtitle ne 'Baker'" });

    expect([listed.oDataCount, counted, filtered, read]).toEqual([25, 25, 13, 12]);
  });

  it("groups and counts with $apply", async () => {
    const { value } = await api().retrieveMultiple<Row>({
      collection: "contacts",
      apply: "groupby((jobtitle),aggregate($count as people))",
    });

    expect(value).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ jobtitle: "Baker", people: 13 }),
        expect.objectContaining({ jobtitle: "Miller", people: 12 }),
      ]),
    );
  });

  it("finds by a query function of Dataverse", async () => {
    const { value } = await api().retrieveMultiple<Row>({
      collection: "contacts",
      select: ["lastname"],
      filter: `Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=["Lee 03","Lee 04"])`,
      orderBy: ["lastname"],
    });

    expect(names(value)).toEqual(["Lee 03", "Lee 04"]);
  });
});

describe("dynamics-web-api: change tracking (facts/dataverse.md §4)", () => {
  it("reads everything once, then only what changed and what was deleted", async () => {
    const first = await api().retrieveMultiple<Row>({
      collection: "contacts",
      select: ["lastname"],
      trackChanges: true,
    });
    const [changed, deleted] = first.value;
    await api().update({ collection: "contacts", key: String(changed?.contactid), data: { lastname: "Lee 99" } });
    await api().deleteRecord({ collection: "contacts", key: String(deleted?.contactid) });

    const delta = await api().retrieveMultiple<Row>(
      { collection: "contacts", trackChanges: true },
      first.oDataDeltaLink,
    );
    const nothing = await api().retrieveMultiple<Row>(
      { collection: "contacts", trackChanges: true },
      delta.oDataDeltaLink,
    );

    expect(first.value).toHaveLength(25);
    expect(delta.value).toMatchObject([
      { contactid: changed?.contactid, lastname: "Lee 99" },
      { id: deleted?.contactid, reason: "deleted" },
    ]);
    expect(nothing.value).toEqual([]);
  });

  it("finds the delta link on the last page of a tracked read in pages", async () => {
    const request = { collection: "contacts", select: ["lastname"], trackChanges: true, maxPageSize: 20 };

    const first = await api().retrieveMultiple<Row>(request);
    const last = await api().retrieveMultiple<Row>(request, first.oDataNextLink);

    expect(first.oDataDeltaLink).toBeUndefined();
    expect(last.oDataNextLink).toBeUndefined();
    expect(last.oDataDeltaLink).toContain("$deltatoken");
  });
});
