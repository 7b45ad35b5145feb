// A record as an API prints it: every field with its default, links, collections, PKey and href (facts/campaign.md §3.4, §7).

import type { Instance, Row } from "../instance.js";
import type { Resource, View } from "../model/catalog.js";
import type { FieldDefinition } from "../model/definition.js";
import { type Computed, computedOf, titleOf } from "./computed.js";
import { linkTarget } from "./links.js";
import { toWire } from "./values.js";

/** Everything before the API's name in absolute links: `http://host/<org>/campaign`. */
export type Base = string;

/** A printed record. */
export type WireRecord = Record<string, unknown>;

/** What an answer leaves out. */
export interface Omissions {
  href?: boolean;
  /** Links that are set. */
  setLinks?: boolean;
}

/** Absolute address of a record, by its PKey. */
export function recordHref(base: Base, view: View, pkey: string): string {
  return `${base}/${view.api}/${view.resource.name}/${pkey}`;
}

function subscriptionExtras(target: Resource, row: Row): WireRecord {
  const shown = target.name === "profile" ? ["email", "firstName", "lastName"] : ["label", "name"];
  const extras: WireRecord = {};
  for (const path of shown) {
    const field = target.field(path);
    if (field !== undefined) extras[path] = toWire(field, row.values[path]);
  }
  if (target.name === "service") extras.title = titleOf(target, row.values);
  return extras;
}

/** A link as a record shows it: null when it leads nowhere. */
function wireLink(instance: Instance, base: Base, view: View, link: FieldDefinition, row: Row): WireRecord | null {
  const target = linkTarget(instance, link, row.values);
  if (target === undefined) return null;
  const resource = instance.catalog.resource(link.target ?? "");
  const PKey = instance.keys.pkey(resource.name, target.id);
  const href = `${base}/${view.api}/${resource.name}/${PKey}`;
  if (view.resource.name === "subscriptionRcp") return { PKey, href, ...subscriptionExtras(resource, target) };
  return { PKey, href, title: titleOf(resource, target.values) };
}

function subscriptionComputed(instance: Instance, resource: Resource, row: Row): Computed {
  const through = (name: string, path: string): string => {
    const link = resource.field(name);
    const target = link === undefined ? undefined : linkTarget(instance, link, row.values);
    return String(target?.values[path] ?? "");
  };
  return { email: through("subscriber", "email"), serviceName: through("service", "name") };
}

/** Prints `row` as `view` shows it. */
export function present(instance: Instance, base: Base, view: View, row: Row, omit: Omissions = {}): WireRecord {
  const { resource } = view;
  const computed =
    resource.name === "subscriptionRcp"
      ? subscriptionComputed(instance, resource, row)
      : computedOf(resource, row.id, row.values, instance.keys, instance.world.now());
  const PKey = instance.keys.pkey(resource.name, row.id);
  const record: WireRecord = { PKey };
  const valueAt = (field: FieldDefinition, path: string): unknown =>
    toWire(field, field.computed ? computed[path] : row.values[path]);

  for (const field of view.fields) {
    if (field.type === "item") {
      const item: WireRecord = {};
      for (const inner of field.fields ?? []) item[inner.name] = valueAt(inner, `${field.name}.${inner.name}`);
      record[field.name] = item;
    } else if (field.type === "link") {
      const link = wireLink(instance, base, view, field, row);
      if (link === null || !omit.setLinks) record[field.name] = link;
    } else record[field.name] = valueAt(field, field.name);
  }
  if (view.collections.length > 0) {
    // The parent segment of a collection is the record's alias, not its PKey (§3.1).
    const parent = recordHref(base, view, instance.keys.alias(resource.name, row.id));
    for (const { name } of view.collections) record[name] = { href: `${parent}/${name}/` };
  }
  if (resource.custom && record.title === undefined) record.title = titleOf(resource, row.values);
  if (resource.name === "subscriptionRcp") record.metadata = "subscriptionRcp";
  if (!omit.href) record.href = recordHref(base, view, PKey);
  return record;
}
