// facts/dataverse.md §9.1: reading definitions.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
beforeAll(async () => {
  dataverse = await startDataverse();
});
afterAll(() => dataverse.close());

const CONTACT = "EntityDefinitions(LogicalName='contact')";
const CRM = "Microsoft.Dynamics.CRM";

describe("table definitions (§9.1)", () => {
  it("are read by logical name or id, with the selected properties and MetadataId", async () => {
    const byName = await dataverse.get(
      `${CONTACT}?$select=LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ObjectTypeCode,ChangeTrackingEnabled`,
    );
    const byId = await dataverse.get(`EntityDefinitions(${byName.json.MetadataId})?$select=LogicalName`);

    expect(byName.json).toMatchObject({
      ...{
        LogicalName: "contact",
        EntitySetName: "contacts",
        PrimaryIdAttribute: "contactid",
        PrimaryNameAttribute: "fullname",
      },
      ...{ ObjectTypeCode: 2, ChangeTrackingEnabled: true },
    });
    expect(byName.json).not.toHaveProperty("SchemaName");
    expect(byId.json.LogicalName).toBe("contact");
  });

  it.each([
    ["LogicalName eq 'contact' or LogicalName eq 'account'", ["account", "contact"]],
    [`ChangeTrackingEnabled eq true and OwnershipType eq ${CRM}.OwnershipTypes'UserOwned'`, ["account", "contact"]],
    ["IsActivity eq true", ["task"]],
    ["CanChangeTrackingBeEnabled/Value eq true and ChangeTrackingEnabled eq false", ["task"]],
  ])("are filtered by %s", async (filter, names) => {
    const { json } = await dataverse.get(`EntityDefinitions?$select=LogicalName&$filter=${encodeURIComponent(filter)}`);

    expect(json.value.map(({ LogicalName }) => LogicalName).sort()).toEqual(names);
  });

  it("answer 404 for a table that does not exist and 400 for a property that does not", async () => {
    expect((await dataverse.get("EntityDefinitions(LogicalName='nope')")).status).toBe(404);
    expect((await dataverse.get(`${CONTACT}?$select=Nope`)).status).toBe(400);
  });
});

describe("column definitions (§9.1)", () => {
  it("come with the table by $expand, filtered by their common properties", async () => {
    const filter = `AttributeType eq ${CRM}.AttributeTypeCode'Picklist' and LogicalName eq 'gendercode'`;
    const { json } = await dataverse.get(
      `${CONTACT}?$select=LogicalName&$expand=Attributes($select=LogicalName,AttributeType,AttributeTypeName,RequiredLevel;$filter=${encodeURIComponent(filter)})`,
    );

    expect(json.Attributes).toMatchObject([
      {
        "@odata.type": `#${CRM}.PicklistAttributeMetadata`,
        AttributeType: "Picklist",
        AttributeTypeName: { Value: "PicklistType" },
      },
    ]);
  });

  it("say what is required and what may be written", async () => {
    const { json } = await dataverse.get(
      `${CONTACT}/Attributes?$select=LogicalName,IsValidForCreate,IsValidForUpdate&$filter=RequiredLevel/Value eq ${CRM}.AttributeRequiredLevel'ApplicationRequired'`,
    );
    const fullname = await dataverse.get(`${CONTACT}/Attributes(LogicalName='fullname')`);

    expect(json.value).toMatchObject([{ LogicalName: "lastname", IsValidForCreate: true }]);
    expect(fullname.json).toMatchObject({
      IsValidForCreate: false,
      IsValidForUpdate: false,
      IsPrimaryName: true,
      MaxLength: 160,
    });
  });

  it("have type-specific properties only behind a cast", async () => {
    const bare = await dataverse.get(`${CONTACT}/Attributes?$select=LogicalName,MaxLength`);
    const strings = await dataverse.get(
      `${CONTACT}/Attributes/${CRM}.StringAttributeMetadata?$select=LogicalName,MaxLength,FormatName&$filter=LogicalName eq 'emailaddress1'`,
    );
    const money = await dataverse.get(
      `${CONTACT}/Attributes/${CRM}.MoneyAttributeMetadata?$select=LogicalName,Precision`,
    );
    const lookups = await dataverse.get(
      `${CONTACT}/Attributes/${CRM}.LookupAttributeMetadata?$select=LogicalName,Targets&$filter=LogicalName eq 'parentcustomerid'`,
    );
    const birthdate = await dataverse.get(
      `${CONTACT}/Attributes(LogicalName='birthdate')/${CRM}.DateTimeAttributeMetadata?$select=Format,DateTimeBehavior`,
    );

    expect(bare.status).toBe(400);
    expect(strings.json.value).toMatchObject([
      { LogicalName: "emailaddress1", MaxLength: 100, FormatName: { Value: "Email" } },
    ]);
    expect(money.json.value).toContainEqual(expect.objectContaining({ LogicalName: "creditlimit", Precision: 2 }));
    expect(lookups.json.value).toMatchObject([{ Targets: ["account", "contact"] }]);
    expect(birthdate.json).toMatchObject({ Format: "DateOnly", DateTimeBehavior: { Value: "DateOnly" } });
  });

  it("cannot be cast to a type they do not have", async () => {
    expect(
      (await dataverse.get(`${CONTACT}/Attributes(LogicalName='gendercode')/${CRM}.MoneyAttributeMetadata`)).status,
    ).toBe(404);
    expect((await dataverse.get(`${CONTACT}/Attributes/${CRM}.EnumAttributeMetadata`)).status).toBe(400);
  });
});

describe("option sets (§9.1)", () => {
  it("have their options with labels", async () => {
    const { json } = await dataverse.get(
      `${CONTACT}/Attributes(LogicalName='gendercode')/${CRM}.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet,GlobalOptionSet`,
    );

    expect(json.OptionSet).toMatchObject({
      ...{ IsGlobal: false, Name: "contact_gendercode", OptionSetType: "Picklist" },
      Options: [
        { Value: 1, Label: { UserLocalizedLabel: { Label: "Male", LanguageCode: 1033 } } },
        { Value: 2, Label: { LocalizedLabels: [{ Label: "Female" }] } },
      ],
    });
  });

  it("of all choice columns come in one read; states tell their default status, statuses their state, booleans both options", async () => {
    const read = async (type: string) =>
      (
        await dataverse.get(
          `${CONTACT}/Attributes/${CRM}.${type}AttributeMetadata?$select=LogicalName&$expand=OptionSet`,
        )
      ).json.value;
    const picklists = await read("Picklist");
    const [state] = await read("State");
    const [status] = await read("Status");
    const flag = (await read("Boolean")).find(({ LogicalName }) => LogicalName === "donotemail");

    expect(picklists.length).toBeGreaterThan(20);
    expect(state?.OptionSet).toMatchObject({
      Options: [
        { Value: 0, DefaultStatus: 1 },
        { Value: 1, DefaultStatus: 2 },
      ],
    });
    expect(status?.OptionSet).toMatchObject({
      Options: [
        { Value: 1, State: 0 },
        { Value: 2, State: 1 },
      ],
    });
    expect(flag?.OptionSet).toMatchObject({
      FalseOption: { Value: 0, Label: { UserLocalizedLabel: { Label: "Allow" } } },
      TrueOption: { Value: 1 },
    });
  });
});

describe("relationships (§9.1)", () => {
  it("give the exact name for @odata.bind", async () => {
    const { json } = await dataverse.get(
      `${CONTACT}/ManyToOneRelationships?$select=SchemaName,ReferencedEntity,ReferencedAttribute,ReferencingAttribute,ReferencingEntityNavigationPropertyName&$filter=ReferencingAttribute eq 'parentcustomerid'`,
    );

    expect(
      json.value.map((item) => [
        item.ReferencedEntity,
        item.ReferencedAttribute,
        item.ReferencingEntityNavigationPropertyName,
      ]),
    ).toEqual([
      ["account", "accountid", "parentcustomerid_account"],
      ["contact", "contactid", "parentcustomerid_contact"],
    ]);
  });

  it("name the collections of the other side", async () => {
    const { json } = await dataverse.get(
      `${CONTACT}/OneToManyRelationships?$select=ReferencedEntityNavigationPropertyName&$filter=ReferencingEntity eq 'task'`,
    );

    expect(json.value).toMatchObject([{ ReferencedEntityNavigationPropertyName: "Contact_Tasks" }]);
  });
});
