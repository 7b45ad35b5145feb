// Definitions as the metadata endpoints show them; facts/dataverse.md §9.1. Finding and filtering them is in read-metadata.ts.
import type { Choice, Column } from "../model/column.js";
import { toGuid } from "../model/ids.js";
import type { Relationship } from "../model/relationships.js";
import type { AlternateKey, Table } from "../model/table.js";

const CRM = "Microsoft.Dynamics.CRM";

/** A label in the one language of the organisation (English, 1033). */
export const toLabel = (text: string, id: string, managed: boolean): object => {
  const label = {
    Label: text,
    LanguageCode: 1033,
    IsManaged: managed,
    MetadataId: toGuid(`label ${id}`),
    HasChanged: null,
  };
  return { LocalizedLabels: [label], UserLocalizedLabel: label };
};

const managedProperty = (value: unknown, name: string): object => ({
  Value: value,
  CanBeChanged: true,
  ManagedPropertyLogicalName: name,
});

/** A table's definition without its collections. */
export const describeTable = (table: Table): Record<string, unknown> => ({
  MetadataId: table.metadataId,
  LogicalName: table.name,
  SchemaName: table.schemaName,
  EntitySetName: table.setName,
  LogicalCollectionName: table.setName,
  CollectionSchemaName: table.setName,
  PrimaryIdAttribute: table.primaryId,
  PrimaryNameAttribute: table.primaryName ?? null,
  ObjectTypeCode: table.objectTypeCode,
  OwnershipType: table.ownership,
  IsActivity: table.activity,
  ActivityTypeMask: table.activity ? 1 : 0,
  IsCustomEntity: table.custom,
  IsManaged: !table.custom,
  IsIntersect: false,
  HasNotes: table.activity,
  HasActivities: ["contact", "account"].includes(table.name),
  IsAvailableOffline: true,
  TableType: "Standard",
  ChangeTrackingEnabled: table.changeTracking,
  CanChangeTrackingBeEnabled: managedProperty(table.canTrackChanges, "canchangetrackingbeenabled"),
  CanCreateAttributes: managedProperty(true, "cancreateattributes"),
  IsOptimisticConcurrencyEnabled: table.optimisticConcurrency,
  DisplayName: toLabel(table.label, `${table.name} name`, !table.custom),
  DisplayCollectionName: toLabel(table.collectionLabel, `${table.name} collection`, !table.custom),
  Description: toLabel(table.label, `${table.name} description`, !table.custom),
  HasChanged: null,
});

/** The metadata type of a column without its namespace: `PicklistAttributeMetadata`. */
export const attributeTypeOf = ({ type }: Column): string => {
  if (type === "Customer" || type === "Owner" || type === "PartyList") return "LookupAttributeMetadata";
  if (type === "Uniqueidentifier") return "UniqueIdentifierAttributeMetadata";
  return `${type}AttributeMetadata`;
};

/** A column's definition with the properties all columns have. */
export const describeColumn = (table: Table, column: Column): Record<string, unknown> => {
  const virtual = column.type === "MultiSelectPicklist" || column.type === "Image";
  return {
    "@odata.type": `#${CRM}.${attributeTypeOf(column)}`,
    MetadataId: toGuid(`column ${table.name} ${column.name}`),
    LogicalName: column.name,
    SchemaName: column.schemaName,
    EntityLogicalName: table.name,
    AttributeType: virtual ? "Virtual" : column.type,
    AttributeTypeName: { Value: `${column.type}Type` },
    IsPrimaryId: column.name === table.primaryId,
    IsPrimaryName: column.name === table.primaryName,
    IsValidForCreate: column.create,
    IsValidForRead: column.read,
    IsValidForUpdate: column.update,
    IsCustomAttribute: column.custom === true,
    IsManaged: column.custom !== true,
    IsLogical: false,
    AttributeOf: null,
    RequiredLevel: managedProperty(column.required, "canmodifyrequirementlevelsettings"),
    DisplayName: toLabel(column.label, `${table.name} ${column.name}`, column.custom !== true),
    Description: toLabel(column.label, `${table.name} ${column.name} description`, column.custom !== true),
    HasChanged: null,
  };
};

const describeOption = (owner: string, { value, label, state, defaultStatus }: Choice): Record<string, unknown> => ({
  ...(state === undefined && defaultStatus === undefined
    ? {}
    : { "@odata.type": `#${CRM}.${state === undefined ? "State" : "Status"}OptionMetadata` }),
  Value: value,
  Label: toLabel(label, `${owner} ${value}`, true),
  Description: { LocalizedLabels: [], UserLocalizedLabel: null },
  Color: null,
  IsManaged: true,
  MetadataId: null,
  HasChanged: null,
  ...(state === undefined ? {} : { State: state }),
  ...(defaultStatus === undefined ? {} : { DefaultStatus: defaultStatus, InvariantName: label }),
});

/** The option set of a choice column. */
export function describeOptionSet(table: Table, column: Column): Record<string, unknown> {
  const name = column.optionSet?.name ?? `${table.name}_${column.name}`;
  const options = (column.choices ?? []).map((choice) => describeOption(name, choice));
  const common = {
    IsGlobal: column.optionSet?.global ?? false,
    Name: name,
    DisplayName: toLabel(column.label, `set ${name}`, true),
    MetadataId: toGuid(`set ${name}`),
    HasChanged: null,
  };
  if (column.type === "Boolean")
    return { ...common, OptionSetType: "Boolean", FalseOption: options[0], TrueOption: options[1] };
  const type = column.type === "State" || column.type === "Status" ? column.type : "Picklist";
  return { ...common, OptionSetType: type, Options: options };
}

/** The properties a column has by its type, as they appear after a cast. */
export function describeColumnByType(table: Table, column: Column): Record<string, unknown> {
  const common = describeColumn(table, column);
  switch (column.type) {
    case "String":
      return {
        ...common,
        MaxLength: column.maxLength,
        Format: column.format,
        FormatName: { Value: column.format },
        IsLocalizable: false,
      };
    case "Memo":
      return { ...common, MaxLength: column.maxLength, Format: column.format, ImeMode: "Auto" };
    case "Integer":
    case "BigInt":
      return { ...common, MinValue: column.min ?? null, MaxValue: column.max ?? null, Format: column.format ?? null };
    case "Decimal":
    case "Double":
      return { ...common, Precision: column.precision, MinValue: column.min, MaxValue: column.max };
    case "Money":
      return {
        ...common,
        Precision: column.precision,
        PrecisionSource: 2,
        MinValue: column.min,
        MaxValue: column.max,
        IsBaseCurrency: column.name.endsWith("_base"),
      };
    case "DateTime":
      return {
        ...common,
        Format: column.format,
        DateTimeBehavior: { Value: column.behavior },
        CanChangeDateTimeBehavior: managedProperty(false, "canchangedatetimebehavior"),
      };
    case "Boolean":
      return { ...common, DefaultValue: column.default ?? false };
    case "Picklist":
    case "MultiSelectPicklist":
    case "State":
    case "Status":
      return { ...common, DefaultFormValue: column.default ?? -1 };
    case "Lookup":
    case "Customer":
    case "Owner":
      return { ...common, Targets: [...new Set(column.targets?.map(({ table: target }) => target))] };
    default:
      return common;
  }
}

/** An alternate key. */
export const describeKey = (table: Table, key: AlternateKey): Record<string, unknown> => ({
  MetadataId: key.metadataId,
  LogicalName: key.name,
  SchemaName: key.schemaName,
  EntityLogicalName: table.name,
  KeyAttributes: key.columns,
  EntityKeyIndexStatus: key.active ? "Active" : key.failed ? "Failed" : "Pending",
  IsManaged: false,
  DisplayName: toLabel(key.schemaName, `key ${key.metadataId}`, false),
});

const CASCADE = { Cascade: "Cascade", RemoveLink: "RemoveLink", Restrict: "Restrict", NoCascade: "NoCascade" } as const;

/** A one-to-many relationship, from either side. */
export const describeRelationship = (
  database: { table(name: string): Table | undefined },
  { table, column, target }: Relationship,
): Record<string, unknown> => ({
  MetadataId: toGuid(`relationship ${target.relationship} ${target.table}`),
  SchemaName: target.relationship,
  RelationshipType: "OneToManyRelationship",
  ReferencedEntity: target.table,
  ReferencedAttribute: database.table(target.table)?.primaryId ?? `${target.table}id`,
  ReferencedEntityNavigationPropertyName: target.collection,
  ReferencingEntity: table.name,
  ReferencingAttribute: column.name,
  ReferencingEntityNavigationPropertyName: target.navigation,
  IsCustomRelationship: column.custom === true,
  IsManaged: column.custom !== true,
  IsHierarchical: false,
  CascadeConfiguration: {
    Assign: "NoCascade",
    Delete: CASCADE[target.onDelete],
    Merge: "NoCascade",
    Reparent: "NoCascade",
    Share: "NoCascade",
    Unshare: "NoCascade",
  },
  HasChanged: null,
});
