// What a resource says about itself: the 19 members of each field, its filters, and the root listing (facts/campaign.md §5, §6).

import type { Instance } from "../instance.js";
import type { Api, Collection, View } from "../model/catalog.js";
import type { FieldDefinition, FieldType, FilterRule } from "../model/definition.js";
import { calledName, calledParameter } from "../query/conditions.js";
import type { Base } from "../wire/present.js";

const highLevel: Partial<Record<FieldType, string>> = {
  byte: "number",
  short: "number",
  long: "number",
  int64: "number",
  float: "number",
  double: "number",
  datetime: "date",
};

function described(instance: Instance, view: View, name: string, path: string, own: Record<string, unknown>) {
  return {
    PKey: instance.keys.metadataKey(`${view.resource.name}.${path}`),
    apiName: name,
    category: "99_none",
    dataPolicy: "",
    desc: "",
    displayFormat: "",
    help: "",
    label: name,
    lazyLoaded: false,
    length: "0",
    mandatory: false,
    metadata: "attribute",
    privacy: "firstParty",
    queryable: true,
    readOnly: false,
    resName: "",
    resType: "string",
    sortable: false,
    type: "string",
    ...own,
  };
}

function describeField(instance: Instance, view: View, field: FieldDefinition, path: string): Record<string, unknown> {
  const resType = field.type === "enumeration" ? "byte" : field.type;
  const own: Record<string, unknown> = {
    ...(field.category !== undefined && { category: field.category }),
    dataPolicy: field.dataPolicy ?? "",
    label: field.label,
    length: String(field.length ?? 0),
    mandatory: field.mandatory ?? false,
    readOnly: (field.readOnly ?? false) || field.join !== undefined,
    resType,
    sortable: (field.sortable ?? false) && !field.computed,
    queryable: !field.computed,
    type: highLevel[field.type] ?? field.type,
  };
  if (field.type === "link") Object.assign(own, { resTarget: field.target, unbound: "false" });
  if (field.values !== undefined) {
    own.values = Object.fromEntries(
      field.values.map(({ name, label, value }) => [name, { name, label, value: String(value) }]),
    );
  }
  if (field.fields !== undefined) {
    own.content = Object.fromEntries(
      field.fields.map((inner) => [inner.name, describeField(instance, view, inner, `${path}.${inner.name}`)]),
    );
  }
  return described(instance, view, field.name, path, own);
}

function describeCollection(instance: Instance, view: View, collection: Collection): Record<string, unknown> {
  return described(instance, view, collection.name, collection.name, {
    label: collection.source.definition.label,
    resType: "link",
    resTarget: collection.source.name,
    type: "collection",
    unbound: "true",
  });
}

/** Answer of `/<api>/resourceType/<resource>` and of `/<api>/<resource>/metadata`. */
export function metadataOf(instance: Instance, base: Base, view: View): Record<string, unknown> {
  const { definition, name } = view.resource;
  const key = instance.keys.metadataKey(name);
  const readOnlyText = { readOnly: true, queryable: false };
  const content: Record<string, unknown> = {
    PKey: described(instance, view, "PKey", "PKey", { ...readOnlyText, label: "Main resource ID" }),
  };
  for (const field of view.fields) content[field.name] = describeField(instance, view, field, field.name);
  for (const collection of view.collections) {
    content[collection.name] = describeCollection(instance, view, collection);
  }
  content.title ??= described(instance, view, "title", "title", { ...readOnlyText, label: definition.singular });
  content.href = described(instance, view, "href", "href", { ...readOnlyText, label: "URL" });
  return {
    PKey: key,
    apiName: "resourceType",
    compatibleResources: {},
    content,
    data: `/${view.api}/${name}/`,
    filters: { href: `${base}/${view.api}/resourceType/@${key}/filters/` },
    help: definition.help,
    href: `${base}/${view.api}/${name}/metadata`,
    label: definition.label,
    mandatory: false,
    name,
    pkgStatus: "never",
    readOnly: false,
    schema: definition.schema,
    type: "item",
  };
}

/** Answer of the filters address of a resource's metadata: an object keyed by the names under which filters are called. */
export function filtersOf(instance: Instance, view: View): Record<string, unknown> {
  const described = view.filters.map((filter) => {
    const called = calledName(instance, filter);
    const parameterOf = (rule: FilterRule): string => calledParameter(filter, rule);
    const template = filter.rules.map((rule) => `${parameterOf(rule)}=$value`).join("&");
    return [
      called,
      {
        PKey: instance.keys.metadataKey(`${view.resource.name} filter ${filter.name}`),
        category: "99_none",
        condition: filter.rules.map((rule) => ({
          enabledIf: `$(${parameterOf(rule)}) != ''`,
          expr: [
            ...rule.fields.map((path) => `@${path} ${rule.operator} $(${parameterOf(rule)})`),
            ...(rule.flagged ?? []).map(
              ({ flag, field }) => `(@${flag} = 1 and @${field} ${rule.operator} $(${parameterOf(rule)}))`,
            ),
          ].join(" or "),
        })),
        data: `/${view.api}/${view.resource.name}/${called}?${template}`,
        formType: "none",
        fragmentName: "",
        label: filter.label,
        metadata: "filter",
        resName: called,
        webPage: "",
        webPageName: "",
      },
    ];
  });
  return Object.fromEntries(described) as Record<string, unknown>;
}

/** Answer of `/<api>/`: the resources that the API shows, keyed by name. */
export function rootOf(instance: Instance, base: Base, api: Api): Record<string, unknown> {
  const root: Record<string, unknown> = { apiName: "resourceType" };
  for (const name of instance.catalog.names(api)) {
    const { definition } = instance.catalog.resource(name);
    root[name] = {
      content: { href: `${base}/${api}/${name}/metadata` },
      data: `/${api}/${name}/`,
      help: definition.help,
      href: `${base}/${api}/${name}/metadata`,
      name,
      type: "collection",
    };
  }
  return root;
}
