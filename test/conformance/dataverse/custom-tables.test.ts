// facts/dataverse.md §6, §9.2, §9.3, §10: custom tables and activities, keys, bulk actions.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dataverse, type EntityJson, register, startDataverse, startReceiver } from "./simulator.js";

let dataverse: Dataverse;
let contactId: string;
const CRM = "Microsoft.Dynamics.CRM";
const label = (text: string) => ({ LocalizedLabels: [{ Label: text, LanguageCode: 1033 }] });
const column = (type: string, SchemaName: string, more: object = {}) => ({
  "@odata.type": `${CRM}.${type}AttributeMetadata`,
  SchemaName,
  DisplayName: label(SchemaName),
  ...more,
});
const subject = column("String", "Subject", { IsPrimaryName: true, MaxLength: 200, FormatName: { Value: "Text" } });
const activity = (change: object = {}) => ({
  ...{
    "@odata.type": `${CRM}.EntityMetadata`,
    SchemaName: "acs_EmailEvent",
    OwnershipType: "UserOwned",
    IsActivity: true,
  },
  ...{ HasNotes: true, HasActivities: false, IsAvailableOffline: true, ActivityTypeMask: 1, Attributes: [subject] },
  ...{ DisplayName: label("Campaign Email Event"), DisplayCollectionName: label("Campaign Email Events") },
  ...change,
});
const EVENT = "EntityDefinitions(LogicalName='acs_emailevent')";
const bulk = (set: string, action: string, Targets: object[]) =>
  dataverse.call("POST", `${set}/${CRM}.${action}`, { Targets });
const event = (more: object) => ({ "@odata.type": `${CRM}.acs_emailevent`, ...more });

beforeAll(async () => {
  dataverse = await startDataverse();
  contactId = await dataverse.create("contacts", { lastname: "Lee" });
  const answers = [
    await dataverse.call("POST", "EntityDefinitions", activity()),
    await dataverse.call("POST", `${EVENT}/Attributes`, column("String", "acs_EventKey", { MaxLength: 100 })),
    await dataverse.call("POST", `${EVENT}/Attributes`, column("Integer", "acs_Count", { MinValue: 0, MaxValue: 100 })),
    await dataverse.call(
      "POST",
      `${EVENT}/Attributes`,
      column("Memo", "acs_Note", { MaxLength: 2000, Format: "TextArea" }),
    ),
    await dataverse.call(
      "POST",
      `${EVENT}/Attributes`,
      column("DateTime", "acs_At", { Format: "DateAndTime", DateTimeBehavior: { Value: "TimeZoneIndependent" } }),
    ),
    await dataverse.call(
      "POST",
      `${EVENT}/Attributes`,
      column("Boolean", "acs_Hard", {
        DefaultValue: true,
        OptionSet: { TrueOption: { Value: 1, Label: label("Hard") }, FalseOption: { Value: 0, Label: label("Soft") } },
      }),
    ),
    await dataverse.call(
      "POST",
      `${EVENT}/Attributes`,
      column("Picklist", "acs_Type", {
        OptionSet: {
          IsGlobal: false,
          Options: [
            { Value: 727000000, Label: label("Open") },
            { Value: 727000001, Label: label("Click") },
          ],
        },
      }),
    ),
    await dataverse.call(
      "POST",
      `${EVENT}/Attributes`,
      column("MultiSelectPicklist", "acs_Tags", {
        OptionSet: { Options: [1, 2, 3].map((Value) => ({ Value, Label: label(`T${Value}`) })) },
      }),
    ),
    await dataverse.call("POST", `${EVENT}/Attributes`, column("Money", "acs_Value")),
    await dataverse.call("POST", `${EVENT}/Keys`, {
      SchemaName: "acs_EventKeyKey",
      DisplayName: label("Key"),
      KeyAttributes: ["acs_eventkey"],
    }),
  ];
  for (const answer of answers) if (answer.status !== 204) throw new Error(answer.text);
});
afterAll(() => dataverse.close());

describe("a custom activity table (§9.2)", () => {
  it("has the set name, primary key and inherited columns of an activity, and its own columns", async () => {
    const { json } = await dataverse.get(
      `${EVENT}?$select=EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,IsActivity,ObjectTypeCode&$expand=Attributes($select=LogicalName),Keys($select=KeyAttributes,EntityKeyIndexStatus)`,
    );
    const names = (json.Attributes as { LogicalName: string }[]).map(({ LogicalName }) => LogicalName);

    expect(json).toMatchObject({
      EntitySetName: "acs_emailevents",
      PrimaryIdAttribute: "activityid",
      PrimaryNameAttribute: "subject",
      IsActivity: true,
    });
    expect(Number(json.ObjectTypeCode)).toBeGreaterThan(10_000);
    expect(names).toEqual(
      expect.arrayContaining(["scheduledend", "regardingobjectid", "statecode", "acs_eventkey", "acs_value_base"]),
    );
    expect(names).not.toContain("acs_emaileventid");
    expect(json.Keys).toMatchObject([{ KeyAttributes: ["acs_eventkey"], EntityKeyIndexStatus: "Active" }]);
  });

  it.each([
    [{ HasNotes: false }, "0x8004F123"],
    [{ HasActivities: true }, "0x8004F121"],
    [{ IsAvailableOffline: false }, "0x80040203"],
    [{ Attributes: [{ ...subject, SchemaName: "acs_Subject" }] }, "0x80040203"],
    [{ SchemaName: "NoPrefix" }, "0x8004701e"],
    [{}, "0x80047013"],
  ])("is refused with %j as %s", async (change, code) => {
    const answer = await dataverse.call(
      "POST",
      "EntityDefinitions",
      activity({
        SchemaName: "acs_Other",
        ...(Object.keys(change).length === 0 ? { SchemaName: "acs_EmailEvent" } : change),
      }),
    );

    expect(answer.status).toBe(400);
    expect(answer.json.error.code).toBe(code);
  });

  it("takes rows with regarding, choices, multi-select, Money and dates, and shows them in the same forms", async () => {
    const id = await dataverse.create("acs_emailevents", {
      ...{
        subject: "Opened: Spring",
        acs_type: 727000001,
        acs_tags: "3,1",
        acs_value: 2.5,
        acs_at: "2026-01-05T10:00:00Z",
        acs_note: "n",
      },
      "regardingobjectid_contact_acs_emailevent@odata.bind": `/contacts(${contactId})`,
    });
    const { json } = await dataverse.get(`acs_emailevents(${id})`, { prefer: 'odata.include-annotations="*"' });
    const containing = await dataverse.get(
      `acs_emailevents?$select=subject&$filter=${CRM}.ContainValues(PropertyName='acs_tags',PropertyValues=['3'])`,
    );

    expect(json).toMatchObject({
      ...{
        acs_type: 727000001,
        acs_tags: "1,3",
        acs_value: 2.5,
        acs_value_base: 2.5,
        acs_at: "2026-01-05T10:00:00Z",
        acs_hard: true,
      },
      "acs_tags@OData.Community.Display.V1.FormattedValue": "T1; T3",
      "acs_hard@OData.Community.Display.V1.FormattedValue": "Hard",
      _regardingobjectid_value: contactId,
      "_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "contact",
      activitytypecode: "acs_emailevent",
    });
    expect(containing.json.value.length).toBe(1);
  });

  it("refuses the bare regarding bind and values out of range", async () => {
    const bare = await dataverse.call("POST", "acs_emailevents", {
      "regardingobjectid@odata.bind": `/contacts(${contactId})`,
    });
    const count = await dataverse.call("POST", "acs_emailevents", { acs_count: 101 });
    const tags = await dataverse.call("POST", "acs_emailevents", { acs_tags: "1,9" });

    expect([bare.json.error.code, count.json.error.code, tags.json.error.code]).toEqual([
      "0x80048d19",
      "0x8004432f",
      "0x8004431A",
    ]);
  });

  it("sends its rows through webhooks like any other table", async () => {
    const receiver = await startReceiver();
    await register(dataverse, receiver.url, [{ message: "Create", table: "acs_emailevent" }]);
    await dataverse.create("acs_emailevents", { subject: "Hook", acs_tags: "1,2" });
    const [hook] = await receiver.wait(1);
    const target = hook?.body.InputParameters[0]?.value as EntityJson | undefined;

    expect(target?.Attributes).toContainEqual({
      key: "acs_tags",
      value: [1, 2].map((Value) => ({
        __type: "OptionSetValue:http://schemas.microsoft.com/xrm/2011/Contracts",
        Value,
      })),
    });
    await receiver.close();
  });
});

describe("activities (§10)", () => {
  it("have a twin in activitypointer, listed by regarding over all types", async () => {
    const regarding = await dataverse.create("contacts", { lastname: "Twin" });
    await dataverse.create("tasks", {
      subject: "Task",
      "regardingobjectid_contact_task@odata.bind": `/contacts(${regarding})`,
    });
    await dataverse.create("acs_emailevents", {
      subject: "Event",
      "regardingobjectid_contact_acs_emailevent@odata.bind": `/contacts(${regarding})`,
    });

    const { json } = await dataverse.get(
      `activitypointers?$filter=_regardingobjectid_value eq ${regarding}&$orderby=subject&$select=subject,activitytypecode,statuscode`,
    );
    const write = await dataverse.call("POST", "activitypointers", { subject: "x" });

    expect(json.value).toMatchObject([
      { subject: "Event", activitytypecode: "acs_emailevent" },
      { subject: "Task", activitytypecode: "task" },
    ]);
    expect(write.status).toBe(405);
  });

  it("ignore statecode on create, are closed by PATCH, and are read-only afterwards until opened again", async () => {
    const id = await dataverse.create("tasks", { subject: "T", statecode: 1 });
    const patch = (body: object) => dataverse.call("PATCH", `tasks(${id})`, body);
    const open = (await dataverse.get(`tasks(${id})?$select=statecode,statuscode,prioritycode`)).json;
    const close = await patch({ statecode: 1, statuscode: 5, actualend: "2026-01-05T10:00:00Z" });
    const edit = await patch({ subject: "Changed" });
    const reopen = await patch({ statecode: 0, statuscode: 3 });

    expect(open).toMatchObject({ statecode: 0, statuscode: 2, prioritycode: 1 });
    expect([close.status, edit.status, reopen.status]).toEqual([204, 400, 204]);
  });
});

describe("alternate keys (§6.1)", () => {
  it("create and update by PATCH: 204 with the key URL, 201 then 200 with a representation; body key values win on create only", async () => {
    const url = "acs_emailevents(acs_eventkey='k-1')";
    const created = await dataverse.call("PATCH", url, { subject: "A" });
    const updated = await dataverse.call(
      "PATCH",
      `${url}?$select=subject,acs_eventkey`,
      { subject: "B", acs_eventkey: "ignored" },
      { prefer: "return=representation" },
    );
    const fresh = await dataverse.call(
      "PATCH",
      "acs_emailevents(acs_eventkey='k-url')?$select=acs_eventkey",
      { acs_eventkey: "k-body" },
      { prefer: "return=representation" },
    );

    expect(created.status).toBe(204);
    expect(created.headers.get("odata-entityid")).toBe(`${dataverse.api}/${url}`);
    expect(updated.status).toBe(200);
    expect(updated.json).toMatchObject({ subject: "B", acs_eventkey: "k-1" });
    expect(fresh.status).toBe(201);
    expect(fresh.json.acs_eventkey).toBe("k-body");
  });

  it("read, delete and conditional update by key answer 404 0x80060891 when there is no such row", async () => {
    const url = "acs_emailevents(acs_eventkey='none')";
    const answers = [
      await dataverse.get(url),
      await dataverse.call("DELETE", url),
      await dataverse.call("PATCH", url, { subject: "x" }, { "if-match": "*" }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(answers[0]?.json.error).toEqual({
      code: "0x80060891",
      message: "A record with the specified key values does not exist in acs_emailevent entity",
    });
  });

  it("refuse columns that are no key (400), dangerous characters (400), and a second row with the same value in any case (412)", async () => {
    await dataverse.call("PATCH", "acs_emailevents(acs_eventkey='dup')", { subject: "first" });
    const undefinedKey = await dataverse.get("acs_emailevents(acs_count=1)");
    const dangerous = await dataverse.get("acs_emailevents(acs_eventkey='a%2Fb')");
    const second = await dataverse.call("POST", "acs_emailevents", { acs_eventkey: "DUP" });

    expect(undefinedKey.json.error.code).toBe("0x80060890");
    expect(dangerous.status).toBe(400);
    expect(second.status).toBe(412);
    expect(second.json.error.code).toBe("0x80060892");
    expect(second.json.error.message).toContain("Entity Key acs_EventKeyKey violated.");
  });

  it("are pending until their index is built, and fail on equal values", async () => {
    const other = await startDataverse({ switches: { keyIndexDelayMs: 60 } });
    const key = (SchemaName: string, KeyAttributes: string[]) =>
      other.call("POST", "EntityDefinitions(LogicalName='contact')/Keys", { SchemaName, KeyAttributes });
    const statusOf = async () =>
      (
        await other.get("EntityDefinitions(LogicalName='contact')/Keys?$select=SchemaName,EntityKeyIndexStatus")
      ).json.value.map((one) => one.EntityKeyIndexStatus);
    await other.create("contacts", { externaluseridentifier: "a", employeeid: "same" });
    await other.create("contacts", { externaluseridentifier: "b", employeeid: "same" });
    await key("new_Good", ["externaluseridentifier"]);
    const pending = await statusOf();
    const early = await other.get("contacts(externaluseridentifier='a')");
    await new Promise((resolve) => setTimeout(resolve, 120));
    const active = await statusOf();
    const found = await other.get("contacts(externaluseridentifier='a')?$select=employeeid");
    await key("new_Bad", ["employeeid"]);
    await new Promise((resolve) => setTimeout(resolve, 120));
    const failed = await statusOf();
    await other.close();

    expect([pending, active, failed]).toEqual([["Pending"], ["Active"], ["Active", "Failed"]]);
    expect([early.status, found.status]).toEqual([400, 200]);
  });
});

describe("CreateMultiple, UpdateMultiple, UpsertMultiple (§6.2)", () => {
  it("create in order with ids, update and upsert with 204", async () => {
    const created = await bulk("acs_emailevents", "CreateMultiple", [
      event({ subject: "m1" }),
      event({ subject: "m2", acs_eventkey: "m-2" }),
    ]);
    const ids = created.json.Ids as string[];
    const updated = await bulk("acs_emailevents", "UpdateMultiple", [event({ activityid: ids[0], subject: "m1b" })]);
    const upserted = await bulk("acs_emailevents", "UpsertMultiple", [
      event({ "@odata.id": "acs_emailevents(acs_eventkey='m-2')", subject: "m2b" }),
      event({ "@odata.id": "acs_emailevents(acs_eventkey='m-3')", subject: "m3" }),
    ]);
    const { json } = await dataverse.get(
      "acs_emailevents?$select=subject&$filter=startswith(subject,'m')&$orderby=subject",
    );

    expect(created.status).toBe(200);
    expect(created.json["@odata.context"]).toContain("CreateMultipleResponse");
    expect([updated.status, upserted.status]).toEqual([204, 204]);
    expect(json.value.map((row) => row.subject)).toEqual(["m1b", "m2b", "m3"]);
  });

  it("do all or nothing, demand @odata.type, and exist neither for contact nor as DeleteMultiple", async () => {
    const half = await bulk("acs_emailevents", "CreateMultiple", [
      event({ subject: "half" }),
      event({ subject: "x".repeat(201) }),
    ]);
    const untyped = await bulk("acs_emailevents", "CreateMultiple", [{ subject: "untyped" }]);
    const contact = await bulk("contacts", "CreateMultiple", [{ "@odata.type": `${CRM}.contact`, lastname: "x" }]);
    const remove = await bulk("acs_emailevents", "DeleteMultiple", [event({})]);

    expect([half.status, untyped.status, contact.status, remove.status]).toEqual([400, 400, 400, 400]);
    expect(remove.json.error.message).toBe("DeleteMultiple has not yet been implemented.");
    expect((await dataverse.get("acs_emailevents/$count?$filter=subject eq 'half' or subject eq 'untyped'")).text).toBe(
      "0",
    );
  });

  it.each([
    ["fail", 412],
    ["last wins", 204],
  ])("with the same key twice in one UpsertMultiple: %s (%i)", async (duplicateInUpsertMultiple, status) => {
    await dataverse.sim("switches", { duplicateInUpsertMultiple });
    const item = event({ "@odata.id": `acs_emailevents(acs_eventkey='twice-${status}')` });

    expect((await bulk("acs_emailevents", "UpsertMultiple", [item, item])).status).toBe(status);
  });
});

describe("columns and lookups added later (§9.3)", () => {
  it("a custom lookup has the navigation name of its schema name, can be bound, and restricts or cascades as defined", async () => {
    const table = {
      ...activity({
        SchemaName: "acs_Order",
        IsActivity: false,
        Attributes: [column("String", "acs_Name", { IsPrimaryName: true, MaxLength: 100 })],
      }),
    };
    await dataverse.call("POST", "EntityDefinitions", table);
    const relation = await dataverse.call("POST", "RelationshipDefinitions", {
      ...{
        "@odata.type": `${CRM}.OneToManyRelationshipMetadata`,
        SchemaName: "acs_contact_order",
        ReferencedEntity: "contact",
        ReferencingEntity: "acs_order",
      },
      ...{
        CascadeConfiguration: { Delete: "Restrict" },
        Lookup: {
          "@odata.type": `${CRM}.LookupAttributeMetadata`,
          SchemaName: "acs_Buyer",
          DisplayName: label("Buyer"),
        },
      },
    });
    const buyer = await dataverse.create("contacts", { lastname: "Buyer" });
    const id = await dataverse.create("acs_orders", { acs_name: "O-1", "acs_Buyer@odata.bind": `/contacts(${buyer})` });
    const wrongCase = await dataverse.call("POST", "acs_orders", { "acs_buyer@odata.bind": `/contacts(${buyer})` });
    const read = await dataverse.get(`acs_orders(${id})?$select=acs_name&$expand=acs_Buyer($select=lastname)`);
    const restricted = await dataverse.call("DELETE", `contacts(${buyer})`);

    expect(relation.status).toBe(204);
    expect(read.json.acs_Buyer).toMatchObject({ lastname: "Buyer" });
    expect(wrongCase.json.error.code).toBe("0x80048d19");
    expect(restricted.status).toBe(405);
    expect((await dataverse.get(`acs_orders(${id})`)).json._acs_buyer_value).toBe(buyer);
  });

  it("PATCH on a definition is refused; publishing wants a body", async () => {
    expect((await dataverse.call("PATCH", EVENT, { HasNotes: true })).status).toBe(405);
    expect((await dataverse.call("POST", "PublishAllXml", {})).status).toBe(204);
    expect((await dataverse.call("POST", "PublishAllXml", "")).status).toBe(411);
    expect((await dataverse.call("POST", "PublishXml", { ParameterXml: "<importexportxml/>" })).status).toBe(400);
    expect(
      (
        await dataverse.call("POST", "PublishXml", {
          ParameterXml: "<importexportxml><entities><entity>acs_emailevent</entity></entities></importexportxml>",
        })
      ).status,
    ).toBe(204);
  });
});
