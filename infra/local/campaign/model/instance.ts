// What a customer configured and published: extensions of built-in resources and custom resources, as data, checked against
// the rules of facts/campaign.md §1 and §10. Which API shows what is in catalog.ts.

import { z } from "zod";
import type { FieldDefinition, ResourceDefinition } from "./definition.js";
import { type InstanceSwitches, profileResource } from "./profile.js";
import { orgUnitResource, serviceResource, subscriptionResource } from "./service.js";

const identifier = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,29}$/, "an ID has at most 30 letters, digits or _");

const fieldSchema: z.ZodType<FieldDefinition> = z.lazy(() =>
  z.strictObject({
    name: identifier,
    label: z.string(),
    type: z.enum([
      "string",
      "byte",
      "short",
      "long",
      "int64",
      "float",
      "double",
      "boolean",
      "date",
      "datetime",
      "enumeration",
      "item",
      "link",
    ]),
    length: z.int().positive().exactOptional(),
    readOnly: z.boolean().exactOptional(),
    extension: z.boolean().exactOptional(),
    mandatory: z.boolean().exactOptional(),
    sortable: z.boolean().exactOptional(),
    category: z.string().exactOptional(),
    dataPolicy: z.enum(["email", "smartCase", "phone"]).exactOptional(),
    initial: z.union([z.string(), z.number(), z.boolean()]).exactOptional(),
    values: z.array(z.strictObject({ name: z.string(), label: z.string(), value: z.int() })).exactOptional(),
    enumeration: z.string().exactOptional(),
    fields: z.array(fieldSchema).exactOptional(),
    target: z.string().exactOptional(),
    join: z.strictObject({ source: z.string(), target: z.string() }).exactOptional(),
    cardinality: z.enum(["0..1", "1"]).exactOptional(),
    reverse: identifier.exactOptional(),
  }),
);
const ruleSchema = z.strictObject({
  fields: z.array(z.string()).min(1),
  flagged: z.array(z.strictObject({ flag: z.string(), field: z.string() })).exactOptional(),
  operator: z.enum(["equal", "greater", "greaterOrEqual", "less", "lessOrEqual", "prefix"]),
  parameter: z.string().min(1),
});
const keySchema = z.strictObject({ fields: z.array(z.string()).min(1), fixed: z.boolean().exactOptional() });
const filterSchema = z.strictObject({
  name: identifier,
  label: z.string(),
  rules: z.array(ruleSchema).min(1),
  types: z.record(z.string(), ruleSchema).exactOptional(),
});
const extensionSchema = z.strictObject({
  fields: z.array(fieldSchema).exactOptional(),
  keys: z.array(keySchema).exactOptional(),
  filters: z.array(filterSchema).exactOptional(),
  /** Fields added to *Advanced filtering*: byText's further `filterType`s (§5). */
  advancedFiltering: z.record(z.string(), ruleSchema).exactOptional(),
});
const resourceSchema = z.strictObject({
  name: identifier.regex(/^cus[A-Z]/, "a custom resource's API name is `cus` and its ID"),
  label: z.string(),
  singular: z.string(),
  help: z.string(),
  schema: z.string(),
  fields: z.array(fieldSchema),
  keys: z.array(keySchema),
  filters: z.array(filterSchema),
  auditFields: z.boolean().exactOptional(),
  automaticId: z.boolean().exactOptional(),
  title: z.tuple([z.string(), z.string()]).exactOptional(),
  hidden: z.boolean().exactOptional(),
});

/** Shape of a `--resources` file: extensions of `profile` and `service`, and custom resources. */
export const instanceSchema = z.strictObject({
  extend: z.strictObject({ profile: extensionSchema.exactOptional(), service: extensionSchema.exactOptional() }),
  resources: z.array(resourceSchema),
});
export type InstanceConfiguration = z.infer<typeof instanceSchema>;
type Extension = z.infer<typeof extensionSchema>;

function extended(resource: ResourceDefinition, extension: Extension | undefined): ResourceDefinition {
  if (extension === undefined) return resource;
  const fields = extension.fields ?? [];
  const unprefixed = fields.find((field) => !field.name.startsWith("cus"));
  if (unprefixed !== undefined) {
    throw new Error(
      `field ${unprefixed.name} added to ${resource.name} must be named cus${unprefixed.name} (facts §1)`,
    );
  }
  const mark = <T>(entry: T): T & { extension: true } => ({ ...entry, extension: true });
  return {
    ...resource,
    fields: [...resource.fields, ...fields.map(mark)],
    keys: [...resource.keys, ...(extension.keys ?? []).map(mark)],
    filters: [
      ...resource.filters.map((filter) =>
        filter.name === "byText" ? { ...filter, types: { ...filter.types, ...extension.advancedFiltering } } : filter,
      ),
      ...(extension.filters ?? []).map(mark),
    ],
  };
}

/** Filters on opt-outs are made with the names that the instance has (§7.2), whichever spelling the configuration uses. */
function spelled(extension: Extension | undefined, { optOutNames }: InstanceSwitches): Extension | undefined {
  if (extension?.filters === undefined) return extension;
  const named = (name: string): string => name.replace(/^(blackList|denyList)/, optOutNames);
  const filters = extension.filters.map((filter) => ({
    ...filter,
    rules: filter.rules.map((rule) => ({
      ...rule,
      fields: rule.fields.map(named),
      ...(rule.flagged && { flagged: rule.flagged.map(({ flag, field }) => ({ flag: named(flag), field })) }),
    })),
  }));
  return { ...extension, filters };
}

/**
 * All resources of an instance: Adobe's own with the configured extensions, then the custom ones.
 * Throws with the field's name where the configuration breaks a rule.
 */
export function instanceResources(
  configuration: InstanceConfiguration,
  switches: InstanceSwitches,
): ResourceDefinition[] {
  return [
    extended(profileResource(switches), spelled(configuration.extend.profile, switches)),
    extended(serviceResource, configuration.extend.service),
    subscriptionResource,
    // v8 has no API for organizational units (§1).
    { ...orgUnitResource, hidden: switches.version === "v8" },
    ...configuration.resources,
  ];
}
