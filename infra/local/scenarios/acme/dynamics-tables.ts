// The tables of docs/examples as an administrator makes them: definitions for the Web API of an environment. What they hold is invent.ts.

const crm = "Microsoft.Dynamics.CRM";

type Json = Record<string, unknown>;

/** One request to the Web API as an administrator; `path` from its root. */
export type Define = (method: "POST", path: string, body: Json) => Promise<void>;

/** A label in English, the one language of the simulator. */
function label(text: string): Json {
  return { LocalizedLabels: [{ Label: text, LanguageCode: 1033 }] };
}

/** An attribute definition. */
export function anAttribute(type: string, name: string, more: Json = {}): Json {
  const schemaName = name.replace(/_(.)/, (_, letter: string) => `_${letter.toUpperCase()}`);
  return {
    "@odata.type": `${crm}.${type}AttributeMetadata`,
    SchemaName: schemaName,
    DisplayName: label(schemaName),
    ...more,
  };
}

function options(labels: Readonly<Record<number, string>>): Json {
  return {
    OptionSet: {
      IsGlobal: false,
      Options: Object.entries(labels).map(([value, text]) => ({ Value: Number(value), Label: label(text) })),
    },
  };
}

interface CustomTable {
  primary: Json;
  attributes: readonly Json[];
  lookups: readonly { column: string; target: string; navigation: string }[];
}

const remark = anAttribute("String", "acme_remark", { MaxLength: 100 });

/** Parents first. No mapping reads `acme_remark`. */
const tables: Readonly<Record<string, CustomTable>> = {
  acme_dealer: {
    primary: anAttribute("String", "acme_name", { MaxLength: 100 }),
    attributes: [
      anAttribute("String", "acme_city", { MaxLength: 80 }),
      anAttribute("Decimal", "acme_rating"),
      anAttribute("Boolean", "acme_premium", {
        OptionSet: {
          TrueOption: { Value: 1, Label: label("Premium dealer") },
          FalseOption: { Value: 0, Label: label("Standard dealer") },
        },
      }),
    ],
    lookups: [],
  },
  acme_vehicle: {
    primary: anAttribute("String", "acme_name", { MaxLength: 100 }),
    attributes: [
      anAttribute("String", "acme_make", { MaxLength: 60 }),
      anAttribute("String", "acme_model", { MaxLength: 60 }),
      anAttribute(
        "Picklist",
        "acme_fuel",
        options({ 727000000: "Petrol", 727000001: "Diesel", 727000002: "Electric" }),
      ),
      anAttribute("MultiSelectPicklist", "acme_extras", options({ 1: "Towbar", 2: "Sunroof", 3: "Winter tyres" })),
      anAttribute("Money", "acme_price"),
      anAttribute("Integer", "acme_seats"),
      anAttribute("DateTime", "acme_firstregistration", {
        Format: "DateOnly",
        DateTimeBehavior: { Value: "DateOnly" },
      }),
    ],
    lookups: [
      { column: "acme_keeperid", target: "contact", navigation: "acme_keeperid_contact" },
      { column: "acme_dealerid", target: "acme_dealer", navigation: "acme_dealerid" },
    ],
  },
  acme_visit: {
    primary: anAttribute("String", "acme_subject", { MaxLength: 200 }),
    attributes: [
      anAttribute("Picklist", "acme_kind", options({ 1: "Service", 2: "Repair" })),
      anAttribute("DateTime", "acme_localtime", { DateTimeBehavior: { Value: "TimeZoneIndependent" } }),
      anAttribute("DateTime", "acme_finishedon"),
      anAttribute("Money", "acme_amount"),
    ],
    lookups: [{ column: "acme_vehicleid", target: "acme_vehicle", navigation: "acme_vehicleid" }],
  },
};

/** Names of the custom tables. */
export const acmeTables: readonly string[] = Object.keys(tables);

/** Makes the tables; those in `tracking` with change tracking on. */
export async function defineAcmeTables(define: Define, tracking: readonly string[] = acmeTables): Promise<void> {
  for (const [name, { primary, attributes, lookups }] of Object.entries(tables)) {
    await define("POST", "EntityDefinitions", {
      ...anAttribute("", name),
      "@odata.type": `${crm}.EntityMetadata`,
      OwnershipType: "UserOwned",
      ChangeTrackingEnabled: tracking.includes(name),
      Attributes: [{ ...primary, IsPrimaryName: true }],
    });
    const path = `EntityDefinitions(LogicalName='${name}')/Attributes`;
    for (const attribute of [...attributes, remark]) await define("POST", path, attribute);
    for (const { column, target, navigation } of lookups) {
      await define("POST", "RelationshipDefinitions", {
        "@odata.type": `${crm}.OneToManyRelationshipMetadata`,
        SchemaName: `${name}_${column}`,
        ReferencedEntity: target,
        ReferencingEntity: name,
        ReferencingEntityNavigationPropertyName: navigation,
        Lookup: anAttribute("Lookup", column),
      });
    }
  }
}
