// From the path behind `/<org>/campaign/` to what it addresses (facts/campaign.md §1, §3.1, §4, §5, §6). Nothing is looked up here.

import type { Instance } from "../instance.js";
import { type Api, apis, type View } from "../model/catalog.js";
import type { FieldDefinition } from "../model/definition.js";
import { filterNamed } from "../query/conditions.js";
import { EngineError, NotImitatedError, noSuchPlace } from "../wire/errors.js";

/** What a URI of a data API addresses. `endpoint` is the path as error texts print it. */
export type Address =
  | { is: "root"; api: Api }
  | { is: "metadata" | "filters"; view: View }
  | { is: "list" | "count"; view: View; filters: string[]; field?: FieldDefinition }
  | { is: "record"; view: View; key: string }
  | { is: "nested"; view: View; key: string; name: string; rest: string[] };

function viewOf(instance: Instance, api: Api, name: string): View {
  const view = instance.catalog.view(api, name);
  if (view !== undefined) return view;
  throw noSuchPlace(`'${name}' resource is not available in the '${api}' API.`, `${api}/${name}`);
}

function resourceType(instance: Instance, api: Api, [name = "", last, ...rest]: string[]): Address {
  if (rest.length > 0 || (last !== undefined && last !== "filters")) {
    throw noSuchPlace(`'${last}' is not part of a resource type.`, `${api}/resourceType/${name}/${last}`);
  }
  const key = name.replace(/^@/, "");
  const named = instance.catalog.names(api).find((each) => each === name || instance.keys.metadataKey(each) === key);
  return { is: last === "filters" ? "filters" : "metadata", view: viewOf(instance, api, named ?? name) };
}

function withinResource(instance: Instance, view: View, segments: string[]): Address {
  const [first, second, ...rest] = segments;
  if (first === undefined) return { is: "list", view, filters: [] };
  if (first === "metadata" && second === undefined) return { is: "metadata", view };
  const isCount = segments.at(-1) === "_count";
  const filters = isCount ? segments.slice(0, -1) : segments;
  const field = view.fields.find((candidate) => candidate.name === filters.at(-1));
  const names = field === undefined ? filters : filters.slice(0, -1);
  // Only v8 calls filters by a bare name, so only `by…` can be a filter that does not exist.
  if (names.every((name) => filterNamed(instance, view, name) !== undefined || /^by[A-Z_]/.test(name))) {
    return { is: isCount ? "count" : "list", view, filters: names, ...(field && { field }) };
  }
  if (second === undefined) return { is: "record", view, key: first };
  return { is: "nested", view, key: first, name: second, rest };
}

/** Reads the path behind `/<org>/campaign/`. Throws the engine's errors, or NotImitatedError for what is left out. */
export function readAddress(instance: Instance, segments: string[]): Address {
  const [api = "", resourceName, ...rest] = segments;
  const name = resourceName?.replace(/\.json$/, "");
  const known = apis.find((candidate) => candidate === api);
  if (known === undefined) throw new NotImitatedError(`the '${api}' API`);
  if (known === "profileAndServicesExt" && !instance.settings.extApiPublished) {
    throw new EngineError(404, [
      "RST-360011 An error has occurred - please contact your administrator.",
      `'${api}' API is not published.`,
    ]);
  }
  if (name === undefined) return { is: "root", api: known };
  if (name === "resourceType") return resourceType(instance, known, rest);
  const resource = instance.catalog.resources.get(name);
  if (resource?.definition.hidden && rest[0]?.startsWith("@")) {
    // Rows of collections have addresses of their own, though their resource has none.
    return withinResource(instance, instance.catalog.nested(known, resource), rest);
  }
  return withinResource(instance, viewOf(instance, known, name), rest);
}

function addressing(key: string): string {
  return key.startsWith("@") ? "by PKey" : "by key";
}

/** Kind of a call for the counters, e.g. `GET profile by filter`; neutral as to what the caller wanted it for. */
export function kindOf(method: string, address: Address): string {
  if (address.is === "root") return `${method} root`;
  const name = address.view.resource.name;
  switch (address.is) {
    case "list":
      if (method !== "GET") return `${method} ${name}`;
      return `GET ${name} ${address.filters.length > 0 ? "by filter" : "list"}${address.field ? " one field" : ""}`;
    case "record":
      return `${method} ${name} ${addressing(address.key)}`;
    case "nested":
      return `${method} ${name} ${address.name}`;
    default:
      return `${method} ${name} ${address.is}`;
  }
}
