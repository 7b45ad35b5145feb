// Which API shows which resources, fields, keys and filters (facts/campaign.md §1), and the lookups everybody needs.

import type { FieldDefinition, FilterDefinition, KeyDefinition, ResourceDefinition } from "./definition.js";

/** The three data APIs. */
export type Api = "profileAndServices" | "profileAndServicesExt" | "customResources";

export const apis: readonly Api[] = ["profileAndServices", "profileAndServicesExt", "customResources"];

/** A collection that a link of another resource adds to its target. */
export interface Collection {
  name: string;
  /** Resource of the rows, and their link that points back. */
  source: Resource;
  link: FieldDefinition;
  extension: boolean;
}

/** A resource with its lookups. `field` finds by dotted path. */
export interface Resource {
  name: string;
  definition: ResourceDefinition;
  custom: boolean;
  links: FieldDefinition[];
  collections: Collection[];
  field(path: string): FieldDefinition | undefined;
}

/** What one API shows of one resource. */
export interface View {
  api: Api;
  resource: Resource;
  fields: FieldDefinition[];
  collections: Collection[];
  key: KeyDefinition | undefined;
  filters: FilterDefinition[];
}

/** All resources of an instance; `view` is undefined when `api` does not show `name` at its top level. */
export interface Catalog {
  resources: ReadonlyMap<string, Resource>;
  resource(name: string): Resource;
  view(api: Api, name: string): View | undefined;
  /** The view used for rows reached through a collection, hidden resources included. */
  nested(api: Api, resource: Resource): View;
  names(api: Api): string[];
}

const audit: FieldDefinition[] = [
  { name: "created", label: "Created", type: "datetime", readOnly: true, sortable: true },
  { name: "lastModified", label: "Last modified", type: "datetime", readOnly: true, sortable: true },
];
const automaticId: FieldDefinition = {
  name: "acsId",
  label: "ACS ID",
  type: "string",
  length: 36,
  readOnly: true,
  computed: true,
};

function makeResource(given: ResourceDefinition): Resource {
  const definition: ResourceDefinition = {
    ...given,
    fields: [...(given.automaticId ? [automaticId] : []), ...given.fields, ...(given.auditFields ? audit : [])],
  };
  const byPath = new Map<string, FieldDefinition>();
  for (const field of definition.fields) {
    byPath.set(field.name, field);
    for (const inner of field.fields ?? []) byPath.set(`${field.name}.${inner.name}`, inner);
  }
  return {
    name: definition.name,
    definition,
    custom: definition.name.startsWith("cus"),
    links: definition.fields.filter((field) => field.type === "link"),
    collections: [],
    field: (path) => byPath.get(path),
  };
}

/** Custom resources that hang together with profile or service, directly or through other custom resources. */
function linkedToProfile(resources: ReadonlyMap<string, Resource>): Set<string> {
  const linked = new Set(["profile", "service"]);
  const custom = [...resources.values()].filter((resource) => resource.custom);
  for (let before = -1; before !== linked.size; ) {
    before = linked.size;
    for (const resource of custom) {
      const targets = resource.links.map((link) => link.target ?? "");
      const pointed = [...linked].some((name) =>
        resources.get(name)?.links.some((link) => link.target === resource.name),
      );
      if (pointed || targets.some((target) => linked.has(target))) linked.add(resource.name);
    }
  }
  return linked;
}

function checkReferences(resource: Resource, resources: ReadonlyMap<string, Resource>): void {
  const known = (path: string): void => {
    if (resource.field(path) === undefined) throw new Error(`${resource.name} has no field ${path}`);
  };
  for (const key of resource.definition.keys) key.fields.forEach(known);
  for (const filter of resource.definition.filters) {
    for (const rule of [...filter.rules, ...Object.values(filter.types ?? {})]) {
      rule.fields.forEach(known);
      for (const { flag, field } of rule.flagged ?? []) [flag, field].forEach(known);
    }
  }
  for (const link of resource.links) {
    const target = resources.get(link.target ?? "");
    if (target === undefined) throw new Error(`link ${resource.name}.${link.name} points to no resource`);
    if (link.join === undefined) continue;
    known(link.join.source);
    if (target.field(link.join.target) === undefined)
      throw new Error(`${target.name} has no field ${link.join.target}`);
  }
}

/** Builds the catalog. Throws, naming the place, when a key, filter or link refers to what does not exist. */
export function makeCatalog(definitions: readonly ResourceDefinition[]): Catalog {
  const resources = new Map(definitions.map((definition) => [definition.name, makeResource(definition)]));
  if (resources.size !== definitions.length) throw new Error("two resources have the same name");
  for (const resource of resources.values()) {
    checkReferences(resource, resources);
    for (const link of resource.links) {
      const target = resources.get(link.target ?? "");
      if (target === undefined || link.reverse === undefined) continue;
      const extension = resource.custom || link.extension === true;
      target.collections.push({ name: link.reverse, source: resource, link, extension });
    }
  }
  const linked = linkedToProfile(resources);

  function shows(api: Api, resource: Resource): boolean {
    if (resource.definition.hidden) return false;
    if (api === "customResources") return resource.custom && !linked.has(resource.name);
    if (resource.name === "orgUnitBase") return api === "profileAndServicesExt";
    return resource.custom ? api === "profileAndServicesExt" && linked.has(resource.name) : true;
  }

  function nested(api: Api, resource: Resource): View {
    const all = api !== "profileAndServices";
    const { definition } = resource;
    return {
      api,
      resource,
      fields: definition.fields.filter((field) => all || !field.extension),
      collections: resource.collections.filter((collection) => all || !collection.extension),
      key: definition.keys.find((key) => all || !key.extension),
      filters: definition.filters.filter((filter) => all || !filter.extension),
    };
  }

  const views = new Map<string, View>();
  for (const api of apis) {
    for (const resource of resources.values()) {
      if (shows(api, resource)) views.set(`${api}/${resource.name}`, nested(api, resource));
    }
  }
  return {
    resources,
    resource(name) {
      const resource = resources.get(name);
      if (resource === undefined) throw new Error(`there is no resource ${name}`);
      return resource;
    },
    view: (api, name) => views.get(`${api}/${name}`),
    nested,
    names: (api) => [...views.values()].filter((view) => view.api === api).map((view) => view.resource.name),
  };
}
