// $select, $filter and $expand over definitions: the same language as for rows, over plain JSON instead of columns.

import { noSuchProperty } from "../errors.js";
import { type Comparable, compileFilter, type Resolver } from "../odata/compile.js";
import type { Expand, QueryOptions } from "../odata/query-options.js";
import { own } from "../own.js";

/** A definition; what `$expand` may add to it is in `Collections`. */
export type Definition = Record<string, unknown>;
export type Collections = Record<
  string,
  (definition: Definition) => { items: Definition[] | Definition; collections: Collections; type: string }
>;

const walk = (item: unknown, segments: readonly string[]): unknown =>
  segments.reduce<unknown>(
    (value, name) => (typeof value === "object" && value !== null ? (value as Definition)[name] : undefined),
    item,
  );

const toComparable = (value: unknown): Comparable => {
  if (typeof value === "string") return value.toLowerCase();
  return typeof value === "number" || typeof value === "boolean" ? value : null;
};

const makeResolver = (sample: Definition | undefined, type: string): Resolver<Definition> => ({
  nowMs: 0,
  userId: "",
  operand(segments) {
    if (sample && !(segments[0] !== undefined && Object.hasOwn(sample, segments[0])))
      throw noSuchProperty(segments.join("/"), type);
    return { kind: "any", get: (item) => toComparable(walk(item, segments)) };
  },
  collection(segments) {
    throw noSuchProperty(segments.join("/"), type);
  },
});

/** Selected and expanded properties of a definition; `MetadataId` always comes. */
function projectDefinition(
  definition: Definition,
  options: QueryOptions,
  collections: Collections,
  type: string,
): Definition {
  const result: Definition = {};
  if (!options.select) Object.assign(result, definition);
  else {
    if (definition["@odata.type"] !== undefined) result["@odata.type"] = definition["@odata.type"];
    for (const name of options.select) {
      if (!Object.hasOwn(definition, name)) throw noSuchProperty(name, type);
      result[name] = definition[name];
    }
    if (definition.MetadataId !== undefined) result.MetadataId = definition.MetadataId;
  }
  for (const expand of options.expand) result[expand.navigation] = expandOne(definition, expand, collections, type);
  return result;
}

function expandOne(
  definition: Definition,
  { navigation, options }: Expand,
  collections: Collections,
  type: string,
): unknown {
  const make = own(collections, navigation);
  if (!make) throw noSuchProperty(navigation, type);
  const { items, collections: inner, type: innerType } = make(definition);
  return Array.isArray(items)
    ? queryDefinitions(items, options, inner, innerType)
    : projectDefinition(items, options, inner, innerType);
}

/** The definitions a request asks for. Throws 400 for properties that no definition of this type has. */
export function queryDefinitions(
  definitions: readonly Definition[],
  options: QueryOptions,
  collections: Collections,
  type: string,
): Definition[] {
  const test = options.filter ? compileFilter(options.filter, makeResolver(definitions[0], type)) : () => true;
  return definitions.filter(test).map((definition) => projectDefinition(definition, options, collections, type));
}
