// Definitions as clients send them to what the store keeps; facts/dataverse.md §9.2, §9.3. Applying them is in write-metadata.ts.

import { invalidArgument, notImitated, ODataError } from "../errors.js";
import {
  bigint,
  type Choice,
  type Column,
  choice,
  dateTime,
  decimal,
  double,
  flag,
  integer,
  lookup,
  memo,
  money,
  stateAndStatus,
  text,
  uuid,
} from "../model/column.js";
import { toGuid } from "../model/ids.js";
import type { TableDefinition } from "../model/table.js";
import { ACTIVITY_STATES, activityColumns } from "../model/tables/activity.js";
import { defineTable } from "../model/tables/define.js";
import { own } from "../own.js";

type Json = Record<string, unknown>;

const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>(
    (item, name) => (typeof item === "object" && item !== null ? (item as Json)[name] : undefined),
    value,
  );

/** The text of a Label. */
export const labelText = (label: unknown): string | undefined => {
  const labels = at(label, "LocalizedLabels");
  const first: unknown = Array.isArray(labels) ? labels[0] : undefined;
  const found = at(first, "Label");
  return typeof found === "string" ? found : undefined;
};

const schemaNameOf = (body: Json): string => {
  const name = body.SchemaName;
  if (typeof name !== "string" || !/^[A-Za-z]\w*$/.test(name))
    throw invalidArgument(`The SchemaName '${String(name)}' is not valid.`);
  return name;
};

/** Custom names carry the publisher's prefix. */
const customNameOf = (body: Json): string => {
  const name = schemaNameOf(body);
  if (!/^[a-z]\w{1,7}_\w+$/i.test(name))
    throw new ODataError(400, "0x8004701e", `The name '${name}' needs a publisher prefix.`);
  return name.toLowerCase();
};

const toChoices = (options: unknown): Choice[] => {
  if (!Array.isArray(options) || options.length === 0) throw invalidArgument("An option set needs Options.");
  return options.map((option, index) => ({
    value: Number(at(option, "Value") ?? 727_000_000 + index),
    label: labelText(at(option, "Label")) ?? "",
  }));
};

const choiceColumn = (name: string, body: Json, extra: Partial<Column>): Column => {
  const set = body.OptionSet;
  if (set === undefined) throw notImitated("choice columns over a global option set");
  const initial = body.DefaultFormValue;
  return {
    ...choice(name, {}, extra),
    choices: toChoices(at(set, "Options")),
    ...(at(set, "IsGlobal") === true ? { optionSet: { name: String(at(set, "Name")), global: true } } : {}),
    ...(typeof initial === "number" && initial >= 0 ? { default: initial } : {}),
  };
};

const BUILDERS: Record<string, (name: string, body: Json, extra: Partial<Column>) => Column[]> = {
  StringAttributeMetadata: (name, body, extra) => [
    text(name, Math.min(Number(body.MaxLength ?? 100), 4000), {
      format: String(at(body, "FormatName", "Value") ?? "Text"),
      ...extra,
    }),
  ],
  MemoAttributeMetadata: (name, body, extra) => [memo(name, Number(body.MaxLength ?? 2000), extra)],
  IntegerAttributeMetadata: (name, body, extra) => [
    integer(name, {
      ...(body.MinValue == null ? {} : { min: Number(body.MinValue) }),
      ...(body.MaxValue == null ? {} : { max: Number(body.MaxValue) }),
      ...extra,
    }),
  ],
  BigIntAttributeMetadata: (name, _body, extra) => [bigint(name, extra)],
  DecimalAttributeMetadata: (name, body, extra) => [decimal(name, Number(body.Precision ?? 2), extra)],
  DoubleAttributeMetadata: (name, body, extra) => [
    { ...double(name, Number(body.Precision ?? 2), -100_000_000_000, 100_000_000_000), ...extra },
  ],
  MoneyAttributeMetadata: (name, _body, extra) =>
    money(name, -922_337_203_685_477, 922_337_203_685_477).map((column) => ({ ...extra, ...column, custom: true })),
  BooleanAttributeMetadata(name, body, extra) {
    const labels = ["FalseOption", "TrueOption"].map(
      (option) => labelText(at(body, "OptionSet", option, "Label")) ?? option,
    );
    return [flag(name, body.DefaultValue === true, labels, extra)];
  },
  PicklistAttributeMetadata: (name, body, extra) => [choiceColumn(name, body, extra)],
  MultiSelectPicklistAttributeMetadata: (name, body, extra) => [
    { ...choiceColumn(name, body, extra), type: "MultiSelectPicklist" },
  ],
  DateTimeAttributeMetadata(name, body, extra) {
    const format = String(body.Format ?? "DateAndTime");
    const behavior = String(at(body, "DateTimeBehavior", "Value") ?? "UserLocal") as NonNullable<Column["behavior"]>;
    return [dateTime(name, { format: behavior === "DateOnly" ? "DateOnly" : format, behavior, ...extra })];
  },
};

/** The columns one AttributeMetadata stands for (Money brings its base). Throws 400 for what cannot be, 501 for types not imitated. */
export function parseColumn(body: Json, name = customNameOf(body)): Column[] {
  const type = String(body["@odata.type"] ?? "").replace(/^#?(Microsoft\.Dynamics\.CRM\.)?/, "");
  const build = own(BUILDERS, type);
  if (!build) throw type === "" ? invalidArgument("@odata.type is missing.") : notImitated(`columns of type ${type}`);
  const required = at(body, "RequiredLevel", "Value");
  return build(name, body, {
    schemaName: schemaNameOf(body),
    label: labelText(body.DisplayName) ?? schemaNameOf(body),
    custom: true,
    ...(typeof required === "string" ? { required: required as Column["required"] } : {}),
  });
}

/** The lookup column a OneToManyRelationshipMetadata stands for, and the table it belongs to. */
export function parseRelationship(body: Json): { table: string; column: Column } {
  const relationship = schemaNameOf(body);
  const referenced = String(body.ReferencedEntity ?? "").toLowerCase();
  const lookupBody = body.Lookup as Json | undefined;
  if (!lookupBody) throw invalidArgument("A relationship needs its Lookup.");
  const onDelete = at(body, "CascadeConfiguration", "Delete");
  const column = lookup(
    customNameOf(lookupBody),
    {
      table: referenced,
      // Navigation properties of custom lookups have the case of the schema name.
      navigation: String(body.ReferencingEntityNavigationPropertyName ?? schemaNameOf(lookupBody)),
      relationship,
      collection: String(body.ReferencedEntityNavigationPropertyName ?? relationship),
      onDelete: onDelete === "Cascade" || onDelete === "Restrict" ? onDelete : "RemoveLink",
    },
    {
      schemaName: schemaNameOf(lookupBody),
      label: labelText(lookupBody.DisplayName) ?? schemaNameOf(lookupBody),
      custom: true,
    },
  );
  return { table: String(body.ReferencingEntity ?? "").toLowerCase(), column };
}

const toSetName = (name: string): string =>
  /(s|x|ch|sh)$/.test(name) ? `${name}es` : /[^aeiou]y$/.test(name) ? `${name.slice(0, -1)}ies` : `${name}s`;

const primaryColumnOf = (body: Json, activity: boolean): Column => {
  const attributes = Array.isArray(body.Attributes) ? (body.Attributes as Json[]) : [];
  const primary = attributes.find((attribute) => attribute.IsPrimaryName === true);
  if (!primary) throw invalidArgument("A table needs an attribute with IsPrimaryName.");
  if (activity && primary.SchemaName !== "Subject")
    throw invalidArgument("The primary name attribute of an activity must have the SchemaName 'Subject'.");
  const [column] = parseColumn(primary, activity ? "subject" : customNameOf(primary));
  if (!column) throw invalidArgument("The primary name attribute is not valid.");
  return column;
};

const checkActivity = (body: Json): void => {
  if (body.HasNotes !== true)
    throw new ODataError(400, "0x8004F123", "An activity must have related notes (HasNotes).");
  if (body.HasActivities === true)
    throw new ODataError(400, "0x8004F121", "An activity cannot have activities (HasActivities).");
  if (body.IsAvailableOffline !== true)
    throw invalidArgument("An activity must be available offline (IsAvailableOffline).");
  if (body.OwnershipType !== "UserOwned") throw invalidArgument("An activity must be owned by users or teams.");
};

/** The definition of a new custom table. Throws 400 for what the platform refuses. */
export function parseTable(body: Json, objectTypeCode: number): TableDefinition {
  const name = customNameOf(body);
  const activity = body.IsActivity === true;
  if (activity) checkActivity(body);
  const primary = primaryColumnOf(body, activity);
  const states = stateAndStatus({
    0: { label: "Active", statuses: { 1: "Active" } },
    1: { label: "Inactive", statuses: { 2: "Inactive" } },
  });
  const columns = activity
    ? [...activityColumns(name, primary, ["account", "contact"]), ...ACTIVITY_STATES]
    : [uuid(`${name}id`, { create: true, update: false, required: "SystemRequired" }), primary, ...states];
  return defineTable({
    name,
    schemaName: schemaNameOf(body),
    setName: String(body.EntitySetName ?? toSetName(name)).toLowerCase(),
    label: labelText(body.DisplayName) ?? name,
    collectionLabel: labelText(body.DisplayCollectionName) ?? name,
    metadataId: toGuid(`table ${name}`),
    primaryId: activity ? "activityid" : `${name}id`,
    primaryName: primary.name,
    objectTypeCode,
    ownership: body.OwnershipType === "OrganizationOwned" ? "OrganizationOwned" : "UserOwned",
    activity,
    custom: true,
    changeTracking: body.ChangeTrackingEnabled === true,
    canTrackChanges: true,
    events: true,
    bulk: true,
    columns,
  });
}
