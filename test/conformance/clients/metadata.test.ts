import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { type Row, refusal, useDataverse } from "./support.js";

const { api } = useDataverse();

const label = (text: string): object => ({
  "@odata.type": "Microsoft.Dynamics.CRM.Label",
  LocalizedLabels: [{ "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", Label: text, LanguageCode: 1033 }],
});

const contactId = async (): Promise<string> => {
  const row: Row = await api().retrieveEntity({ key: "LogicalName='contact'", select: ["LogicalName"] });
  return String(row.MetadataId);
};

describe("dynamics-web-api: reading definitions (facts/dataverse.md §9.1)", () => {
  it("lists tables with a filter", async () => {
    const { value } = await api().retrieveEntities<Row>({
      select: ["LogicalName", "EntitySetName"],
      filter: "LogicalName eq 'contact'",
    });

    expect(value).toMatchObject([{ LogicalName: "contact", EntitySetName: "contacts" }]);
  });

  it("reads one table with its columns expanded", async () => {
    const row: Row = await api().retrieveEntity({
      key: await contactId(),
      select: ["PrimaryIdAttribute", "ChangeTrackingEnabled"],
      expand: [{ property: "Attributes", select: ["LogicalName", "AttributeType"] }],
    });

    expect(row).toMatchObject({ PrimaryIdAttribute: "contactid", ChangeTrackingEnabled: true });
    expect(row.Attributes).toEqual(
      expect.arrayContaining([expect.objectContaining({ LogicalName: "gendercode", AttributeType: "Picklist" })]),
    );
  });

  it("lists the columns of one kind", async () => {
    const { value } = await api().retrieveAttributes<Row>({
      entityKey: "LogicalName='contact'",
      castType: "Microsoft.Dynamics.CRM.StringAttributeMetadata",
      select: ["LogicalName", "MaxLength"],
      filter: "LogicalName eq 'firstname'",
    });

    expect(value).toMatchObject([{ LogicalName: "firstname", MaxLength: 50 }]);
  });

  it("reads the options of a choice column", async () => {
    const row: Row = await api().retrieveAttribute({
      entityKey: "LogicalName='contact'",
      attributeKey: "LogicalName='gendercode'",
      castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
      select: ["LogicalName"],
      expand: [{ property: "OptionSet" }],
    });

    expect(row.OptionSet).toMatchObject({ Options: [{ Value: 1 }, { Value: 2 }] });
  });

  it("reads one relationship by its name", async () => {
    const row: Row = await api().retrieveRelationship({
      key: "SchemaName='contact_customer_accounts'",
      castType: "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
    });

    expect(row).toMatchObject({ ReferencedEntity: "account", ReferencingEntity: "contact" });
  });

  it("lists relationships, and global option sets", async () => {
    const relationships = await api().retrieveRelationships<Row>({
      castType: "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
      select: ["SchemaName", "ReferencedEntity"],
      filter: "ReferencingEntity eq 'task'",
    });
    const sets = await api().retrieveGlobalOptionSets<Row>({ select: ["Name"] });

    expect(relationships.value).toEqual(
      expect.arrayContaining([expect.objectContaining({ ReferencedEntity: "contact" })]),
    );
    expect(Array.isArray(sets.value)).toBe(true);
  });
});

describe("dynamics-web-api: changing definitions (facts/dataverse.md §9.2, §9.3)", () => {
  it("creates a table with a column and a lookup, and uses them", async () => {
    await api().createEntity({
      data: {
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
        SchemaName: "acs_Visit",
        DisplayName: label("Visit"),
        DisplayCollectionName: label("Visits"),
        OwnershipType: "UserOwned",
        HasActivities: false,
        HasNotes: false,
        IsActivity: false,
        Attributes: [
          {
            "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
            SchemaName: "acs_Name",
            IsPrimaryName: true,
            AttributeType: "String",
            AttributeTypeName: { Value: "StringType" },
            FormatName: { Value: "Text" },
            MaxLength: 100,
            RequiredLevel: { Value: "None" },
            DisplayName: label("Name"),
          },
        ],
      },
    });
    const table: Row = await api().retrieveEntity({ key: "LogicalName='acs_visit'", select: ["EntitySetName"] });
    await api().createAttribute({
      entityKey: String(table.MetadataId),
      data: {
        "@odata.type": "Microsoft.Dynamics.CRM.IntegerAttributeMetadata",
        SchemaName: "acs_Minutes",
        AttributeType: "Integer",
        AttributeTypeName: { Value: "IntegerType" },
        MinValue: 0,
        MaxValue: 600,
        Format: "None",
        RequiredLevel: { Value: "None" },
        DisplayName: label("Minutes"),
      },
    });
    await api().createRelationship({
      data: {
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        SchemaName: "acs_contact_visits",
        ReferencedEntity: "contact",
        ReferencingEntity: "acs_visit",
        Lookup: {
          "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata",
          SchemaName: "acs_ContactId",
          AttributeType: "Lookup",
          AttributeTypeName: { Value: "LookupType" },
          RequiredLevel: { Value: "None" },
          DisplayName: label("Contact"),
        },
      },
    });
    const contact: string = await api().create({ collection: "contacts", data: { lastname: "Lee" } });

    const visit: Row = await api().create({
      collection: String(table.EntitySetName),
      data: { acs_name: "first", acs_minutes: 30, "acs_ContactId@odata.bind": `/contacts(${contact})` },
      returnRepresentation: true,
    });

    expect(visit).toMatchObject({ acs_name: "first", acs_minutes: 30, _acs_contactid_value: contact });
  });

  it("lengthens a column by writing the whole of its definition back, and publishes", async () => {
    const castType = "Microsoft.Dynamics.CRM.StringAttributeMetadata";
    const of = { entityKey: "LogicalName='contact'", castType };
    const column: Row = await api().retrieveAttribute({ ...of, attributeKey: "LogicalName='nickname'" });

    await api().updateAttribute({ ...of, data: { ...column, MaxLength: 120 } });
    await api().callAction({ actionName: "PublishAllXml", action: {} });

    const { MaxLength }: Row = await api().retrieveAttribute({ ...of, attributeKey: "LogicalName='nickname'" });
    expect(MaxLength).toBe(120);
  });

  it("changes a definition by writing the whole of it back", async () => {
    const account: Row = await api().retrieveEntity({ key: "LogicalName='account'" });

    await api().updateEntity({ data: { ...account, ChangeTrackingEnabled: true }, mergeLabels: true });

    expect(
      await api().retrieveEntity({ key: "LogicalName='account'", select: ["ChangeTrackingEnabled"] }),
    ).toHaveProperty("ChangeTrackingEnabled", true);
  });
});

describe("dynamics-web-api: what the simulator refuses", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["the CSDL document", () => api().retrieveCsdlMetadata()],
    ["a new global option set", () => api().createGlobalOptionSet({ data: { Name: "acs_x", Options: [] } })],
    ["a relationship taken away", () => api().deleteRelationship({ key: randomUUID() })],
    [
      "an action in the background",
      () => api().callAction({ actionName: "PublishAllXml", action: {}, respondAsync: true }),
    ],
  ])("is told by 501 that %s is not imitated", async (_what, call) => {
    expect(await refusal(call())).toMatchObject({ status: 501 });
  });
});

describe("dynamics-web-api: functions and actions (facts/dataverse.md §3, §6)", () => {
  it("calls WhoAmI", async () => {
    const answer: Row = await api().callFunction("WhoAmI");

    expect(answer).toMatchObject({ UserId: WELL_KNOWN.integrationUser, OrganizationId: WELL_KNOWN.organization });
  });

  it("calls a function with parameters", async () => {
    const answer: Row = await api().callFunction({
      name: "RetrieveTotalRecordCount",
      parameters: { EntityNames: ["contact"] },
    });

    expect(JSON.stringify(answer)).toContain("contact");
  });

  it("merges two contacts with the action Merge", async () => {
    const [target, subordinate] = [randomUUID(), randomUUID()];
    for (const key of [target, subordinate]) {
      await api().upsert({ collection: "contacts", key, data: { lastname: "Lee" } });
    }
    const contact = { "@odata.type": "Microsoft.Dynamics.CRM.contact" };

    await api().callAction({
      actionName: "Merge",
      action: {
        Target: { ...contact, contactid: target },
        Subordinate: { ...contact, contactid: subordinate },
        UpdateContent: { ...contact, jobtitle: "Baker" },
        PerformParentingChecks: false,
      },
    });

    expect(
      await api().retrieve({ collection: "contacts", key: subordinate, select: ["merged", "statecode"] }),
    ).toMatchObject({ merged: true, statecode: 1 });
    expect(await api().retrieve({ collection: "contacts", key: target, select: ["jobtitle"] })).toHaveProperty(
      "jobtitle",
      "Baker",
    );
  });

  it("calls a bound action on a custom table", async () => {
    const definition: Row = await api().retrieveEntity({ key: "LogicalName='acs_visit'", select: ["EntitySetName"] });

    const answer: Row = await api().callAction({
      collection: String(definition.EntitySetName),
      actionName: "Microsoft.Dynamics.CRM.CreateMultiple",
      action: {
        Targets: [1, 2].map((index) => ({ "@odata.type": "Microsoft.Dynamics.CRM.acs_visit", acs_name: `v${index}` })),
      },
    });

    expect(answer.Ids).toHaveLength(2);
  });
});
