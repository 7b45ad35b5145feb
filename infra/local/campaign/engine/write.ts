// Create, update, delete: rules on keys, opt-out times, audit fields; the store does the rest (facts/campaign.md §3, §4, §7).

import { createHash } from "node:crypto";
import { historyKey, type Instance, type Row } from "../instance.js";
import type { Resource, View } from "../model/catalog.js";
import type { KeyDefinition } from "../model/definition.js";
import type { Cause } from "../store/store.js";
import type { Value, Values } from "../store/table.js";
import { badValue, duplicateKey, inconsistentKey } from "../wire/errors.js";
import { type Body, type Changes, readChanges } from "./read-body.js";

/** A JSON value with its members in alphabetical order, so that equal content has one text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join()}}`;
}

function causeOf(instance: Instance, resource: Resource, row: Row, method: string, body: Body | undefined): Cause {
  const sha256 = createHash("sha256")
    .update(body === undefined ? "" : canonical(body))
    .digest("hex");
  return { key: historyKey(resource, row), method, sha256, at: new Date(instance.world.now()).toISOString() };
}

const keyText = (key: KeyDefinition, values: Values): string => key.fields.map((path) => values[path] ?? "").join(", ");

function checkKeys(instance: Instance, resource: Resource, values: Values, id: number | undefined): void {
  for (const key of resource.definition.keys) {
    const parts = key.fields.map((path) => values[path]);
    if (parts.includes(undefined)) continue;
    const { singular, schema } = resource.definition;
    for (const other of instance.store.table(resource.name).find(key.fields, parts as Value[])) {
      if (other !== id) throw duplicateKey(singular, schema, key.fields, parts.map(String));
    }
  }
}

/** §4: neither a fixed key nor a key that is the URI can be changed by PATCH. */
function checkKeyUnchanged(instance: Instance, view: View, before: Values, after: Values, rawKey: string | undefined) {
  for (const key of view.resource.definition.keys) {
    const [from, to] = [keyText(key, before), keyText(key, after)];
    const isGiven = key.fields.every((path) => before[path] === undefined) && instance.settings.keyFromEmpty;
    const isLocked = key.fixed === true || rawKey !== undefined;
    if (from !== to && isLocked && !isGiven) throw inconsistentKey(view.resource.name, from, to);
  }
}

function checkMandatory(resource: Resource, values: Values): void {
  const missing = resource.definition.fields.find((field) => field.mandatory && values[field.name] === undefined);
  if (missing !== undefined) throw badValue(`The '${missing.name}' property is mandatory.`);
}

/** Attribute-level times of the opt-outs that changed (§7.1). Push has none. */
function optOutTimes(instance: Instance, resource: Resource, before: Values, after: Values, now: number): Changes {
  if (resource.name !== "profile") return {};
  const prefix = instance.settings.optOutNames;
  const times: Changes = {};
  for (const field of resource.definition.fields) {
    const isOptOut = field.type === "boolean" && (field.name.startsWith(prefix) || field.name === "ccpaOptOut");
    if (!isOptOut || (before[field.name] ?? false) === (after[field.name] ?? false)) continue;
    const time = `${field.name}LastModified`;
    if (resource.field(time) !== undefined) times[time] = now;
    if (field.name === prefix) times[`${prefix}AllLastModified`] = now;
  }
  return times;
}

function merged(values: Values, changes: Changes): Values {
  const next: Record<string, Value> = { ...values };
  for (const [path, value] of Object.entries(changes)) {
    if (value === undefined) delete next[path];
    else next[path] = value;
  }
  return next;
}

/** Fills in what the server keeps itself: audit times, opt-out times; a time that the body set wins (a switch). */
function completed(instance: Instance, resource: Resource, before: Values, changes: Changes, isNew: boolean): Values {
  const now = instance.world.now();
  const after = merged(before, changes);
  const audit: Changes = resource.definition.auditFields ? { ...(isNew && { created: now }), lastModified: now } : {};
  return merged(after, { ...optOutTimes(instance, resource, before, after, now), ...audit, ...keptTimes(changes) });
}

function keptTimes(changes: Changes): Changes {
  return Object.fromEntries(Object.entries(changes).filter(([path]) => path.endsWith("LastModified")));
}

/** `fixed` are values that the place implies, such as a collection's owner; `unrecorded` writes are not the API's. */
export interface WriteOptions {
  fixed?: Changes;
  rawKey?: string | undefined;
  unrecorded?: boolean;
}

/** Creates a record. Throws the engine's errors; nothing has been written by then. */
export function createRecord(instance: Instance, view: View, body: Body, options: WriteOptions = {}): Row {
  const { resource } = view;
  const initial: Record<string, Value> = {};
  for (const field of resource.definition.fields) {
    if (field.initial !== undefined && field.type !== "enumeration") initial[field.name] = field.initial;
  }
  const changes = { ...readChanges(instance, view, body), ...options.fixed };
  const values = completed(instance, resource, initial, changes, true);
  checkMandatory(resource, values);
  checkKeys(instance, resource, values, undefined);
  const id = instance.store.table(resource.name).lastId + 1;
  const row = { id, values };
  const cause = options.unrecorded ? undefined : causeOf(instance, resource, row, "POST", body);
  instance.store.put(resource.name, values, id, cause);
  return row;
}

/** Updates a record; an empty body changes nothing at all. `rawKey` is the key in the URI, when it was not a PKey. */
export function updateRecord(
  instance: Instance,
  view: View,
  row: Row,
  body: Body,
  { rawKey, unrecorded }: WriteOptions = {},
): void {
  const { resource } = view;
  const changes = readChanges(instance, view, body, row, rawKey);
  if (Object.keys(changes).length === 0) return;
  const values = completed(instance, resource, row.values, changes, false);
  checkKeyUnchanged(instance, view, row.values, values, rawKey);
  checkKeys(instance, resource, values, row.id);
  const next = { id: row.id, values };
  const cause = unrecorded ? undefined : causeOf(instance, resource, next, "PATCH", body);
  instance.store.put(resource.name, values, row.id, cause);
}

/** Subscriptions go with their profile or service; other links to it resolve to nothing from now on. */
function dropSubscriptions(instance: Instance, resource: Resource, row: Row): void {
  const subscriptions = instance.store.table("subscriptionRcp");
  for (const link of instance.catalog.resource("subscriptionRcp").links) {
    if (link.target !== resource.name) continue;
    for (const id of [...subscriptions.find([link.name], [row.id])]) instance.store.remove("subscriptionRcp", id);
  }
}

/** Deletes a record. */
export function deleteRecord(instance: Instance, resource: Resource, row: Row, options: WriteOptions = {}): void {
  dropSubscriptions(instance, resource, row);
  const cause = options.unrecorded ? undefined : causeOf(instance, resource, row, "DELETE", undefined);
  instance.store.remove(resource.name, row.id, cause);
}
