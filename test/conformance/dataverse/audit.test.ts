// Microsoft, "Retrieve the history of audited data changes": what the simulator has of it.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
let contact: string;

beforeEach(async () => {
  dataverse = await startDataverse();
  contact = await dataverse.create("contacts", { lastname: "Lee" });
});
afterEach(() => dataverse.close());

const change = (values: object) => dataverse.call("PATCH", `contacts(${contact})`, values);

/** The history of a column, `Target` spelled with `quote`. */
function history(column: string, { page = 1, count = 10, quote = "'" } = {}) {
  const target = encodeURIComponent(`{ ${quote}@odata.id${quote}:${quote}contacts(${contact})${quote}}`);
  const paging = encodeURIComponent(JSON.stringify({ PageNumber: page, Count: count, ReturnTotalRecordCount: true }));
  return dataverse.get(
    `RetrieveAttributeChangeHistory(Target=@target,AttributeLogicalName=@name,PagingInfo=@paging)?@target=${target}&@name='${column}'&@paging=${paging}`,
  );
}

interface Detail {
  OldValue: Record<string, unknown>;
  NewValue: Record<string, unknown>;
  AuditRecord?: Record<string, unknown>;
}

function collectionOf(json: Record<string, unknown>) {
  return json.AuditDetailCollection as { MoreRecords: boolean; TotalRecordCount: number; AuditDetails: Detail[] };
}

describe("audit history", () => {
  it("is empty while auditing is off", async () => {
    await change({ donotemail: true });

    const { status, json } = await history("donotemail");

    expect(status).toBe(200);
    expect(collectionOf(json)).toMatchObject({ MoreRecords: false, TotalRecordCount: 0, AuditDetails: [] });
  });

  it.each([["'"], ['"']])("has the old and the new value of each change, newest first, by page (%s)", async (quote) => {
    await dataverse.sim("switches", { audit: "on" });
    await change({ donotemail: true, donotphone: true, lastname: "Kim" });
    await change({ donotemail: true });
    await change({ donotemail: false });

    const first = collectionOf((await history("donotemail", { count: 1, quote })).json);
    const second = collectionOf((await history("donotemail", { count: 1, page: 2, quote })).json);

    expect(first).toMatchObject({ MoreRecords: true, TotalRecordCount: 2 });
    expect(first.AuditDetails).toMatchObject([{ OldValue: { donotemail: true }, NewValue: { donotemail: false } }]);
    expect(second.MoreRecords).toBe(false);
    expect(second.AuditDetails).toMatchObject([{ OldValue: { donotemail: false }, NewValue: { donotemail: true } }]);
    expect(second.AuditDetails[0]?.NewValue).not.toHaveProperty("donotphone");
  });

  it("says when and who beside each change, or not, as a switch says", async () => {
    await dataverse.sim("switches", { audit: "on" });
    await change({ donotemail: true });

    const told = collectionOf((await history("donotemail")).json).AuditDetails[0];
    await dataverse.sim("switches", { auditRecordInDetails: false });
    const untold = collectionOf((await history("donotemail")).json).AuditDetails[0];

    expect(told?.AuditRecord).toMatchObject({ _userid_value: WELL_KNOWN.integrationUser, _objectid_value: contact });
    expect(told?.AuditRecord?.createdon).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(untold).not.toHaveProperty("AuditRecord");
  });

  it("is in the audit rows of a record, too, each with its details", async () => {
    await dataverse.sim("switches", { audit: "on" });
    await change({ donotemail: true, donotfax: true });
    await change({ donotfax: false });
    const query = `$select=auditid,createdon&$filter=_objectid_value eq ${contact}&$orderby=createdon desc`;

    const { value } = (await dataverse.get(`audits?${encodeURI(query)}`)).json;
    const details = await dataverse.get(`audits(${value[1]?.auditid})/Microsoft.Dynamics.CRM.RetrieveAuditDetails`);

    expect(value).toHaveLength(2);
    expect(details.json.AuditDetail).toMatchObject({
      OldValue: { donotemail: false, donotfax: false },
      NewValue: { donotemail: true, donotfax: true },
    });
  });

  it("is refused to who may not read it", async () => {
    await dataverse.sim("withdraw", { privileges: ["prvReadAuditSummary"] });

    const { status, json } = await history("donotemail");

    expect([status, json.error.code]).toEqual([403, "0x80040220"]);
  });

  it.each([
    ["another column than a two-option one", () => history("lastname")],
    ["audit rows in another order", () => dataverse.get(`audits?$filter=_objectid_value%20eq%20${contact}`)],
    ["audit rows of everything", () => dataverse.get("audits")],
    ["one audit row", () => dataverse.get(`audits(${contact})`)],
  ])("is not imitated, and says so, for %s", async (_what, ask) => {
    expect((await ask()).status).toBe(501);
  });
});
