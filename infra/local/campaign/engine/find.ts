// From a key in a URI or a body to a record (facts/campaign.md §3.1, §3.3, §4).

import type { Instance, Row } from "../instance.js";
import type { View } from "../model/catalog.js";
import type { Value } from "../store/table.js";
import { badPKey, notFound } from "../wire/errors.js";
import { isVisible } from "../wire/links.js";
import { emptyValue } from "../wire/values.js";

function emptyOf(view: View, path: string): Value {
  const field = view.resource.field(path);
  return field === undefined ? "" : emptyValue(field);
}

/** The record with this identification key, hidden ones included. Only keys of one field can stand in a URI. */
export function findByRawKey(instance: Instance, view: View, key: string): Row | undefined {
  const path = view.key?.fields.length === 1 ? view.key.fields[0] : undefined;
  if (path === undefined) return undefined;
  const table = instance.store.table(view.resource.name);
  const isText = typeof emptyOf(view, path) === "string";
  for (const id of table.find([path], [isText ? key : Number(key)])) {
    const values = table.get(id);
    if (values !== undefined) return { id, values };
  }
  return undefined;
}

/**
 * The record that a URI's key segment names. Throws the engine's errors: garbage instead of a PKey, no such raw key, a record
 * that is gone or hidden.
 */
export function findRecord(instance: Instance, view: View, key: string): Row {
  const { name, definition } = view.resource;
  const table = instance.store.table(name);
  let row: Row | undefined;
  if (key.startsWith("@")) {
    const id = instance.keys.open(name, key);
    if (id === undefined) throw badPKey(key, definition.label, definition.schema, `${view.api}/${name}/${key}`);
    const values = table.get(id);
    if (values !== undefined) row = { id, values };
  } else row = findByRawKey(instance, view, key);
  if (row === undefined || !isVisible(instance, view.resource, row.values)) {
    throw notFound(key, definition.singular, name);
  }
  return row;
}
