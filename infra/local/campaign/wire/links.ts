// How links resolve, by stored id or by a specific join, and what a child of a missing parent is: hidden (facts §3.4, §3.5).

import type { Instance, Row } from "../instance.js";
import type { Collection, Resource } from "../model/catalog.js";
import type { FieldDefinition } from "../model/definition.js";
import type { Values } from "../store/table.js";

function first(ids: Iterable<number>): number | undefined {
  for (const id of ids) return id;
  return undefined;
}

/** The record a link points to; undefined when it is not set or its target is not there. */
export function linkTarget(instance: Instance, link: FieldDefinition, values: Values): Row | undefined {
  const table = instance.store.table(link.target ?? "");
  let id: number | undefined;
  if (link.join === undefined) {
    const stored = values[link.name];
    id = typeof stored === "number" ? stored : undefined;
  } else {
    const value = values[link.join.source];
    id = value === undefined ? undefined : first(table.find([link.join.target], [value]));
  }
  const target = id === undefined ? undefined : table.get(id);
  return id === undefined || target === undefined ? undefined : { id, values: target };
}

/** Whether the API shows the record: all its links of cardinality 1 resolve. */
export function isVisible(instance: Instance, resource: Resource, values: Values): boolean {
  return resource.links.every((link) => link.cardinality !== "1" || linkTarget(instance, link, values) !== undefined);
}

/** The field and value by which rows of a collection point to `owner`; undefined when the owner has no value to point at. */
export function backReference(
  collection: Collection,
  owner: Row,
): { path: string; value: string | number | boolean } | undefined {
  const { link } = collection;
  if (link.join === undefined) return { path: link.name, value: owner.id };
  const value = owner.values[link.join.target];
  return value === undefined ? undefined : { path: link.join.source, value };
}
