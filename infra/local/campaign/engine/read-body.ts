// From the JSON of a POST or PATCH to changed values: which properties are accepted, and how links are given (facts §3.3, §3.4).

import type { Instance, Row } from "../instance.js";
import type { View } from "../model/catalog.js";
import type { FieldDefinition } from "../model/definition.js";
import type { Value } from "../store/table.js";
import {
  badPKey,
  badValue,
  EngineError,
  inconsistentKey,
  notFound,
  readOnlyProperty,
  unknownProperty,
} from "../wire/errors.js";
import { emptyValue, toStored } from "../wire/values.js";
import { findByRawKey } from "./find.js";

/** Values to set by dotted path; undefined empties. */
export type Changes = Record<string, Value | undefined>;

/** A JSON object as sent. */
export type Body = Record<string, unknown>;

/** The body as a JSON object; an empty body is an empty object. */
export function parseBody(text: string): Body {
  if (text.trim() === "") return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw badValue("Unable to parse the JSON document.");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw badValue("The JSON document is not an object.");
  }
  return parsed as Body;
}

function isObject(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Id of the record that a `{"PKey": …}` names, encrypted or raw. */
function linkedId(instance: Instance, view: View, link: FieldDefinition, pkey: unknown): number {
  const target = instance.catalog.resource(link.target ?? "");
  const { label, schema, singular } = target.definition;
  const given = String(pkey);
  const found = given.startsWith("@")
    ? instance.keys.open(target.name, given)
    : findByRawKey(instance, instance.catalog.nested(view.api, target), given)?.id;
  if (found === undefined && given.startsWith("@")) throw badPKey(given, label, schema);
  if (found === undefined || instance.store.table(target.name).get(found) === undefined) {
    throw notFound(given, singular, target.name);
  }
  return found;
}

function readLink(instance: Instance, view: View, link: FieldDefinition, wire: unknown): Changes {
  if (link.join !== undefined) throw readOnlyProperty(link.name);
  if (wire === null) return { [link.name]: undefined };
  if (!isObject(wire)) throw badValue(`The '${link.name}' link is not an object.`);
  if (wire.PKey === undefined) {
    // §3.4: a link given by other attributes is ignored without a word; v8 refuses it.
    if (instance.settings.version === "v8") {
      throw new EngineError(500, ["An error has occurred - please contact your administrator."]);
    }
    return {};
  }
  return { [link.name]: linkedId(instance, view, link, wire.PKey) };
}

function isWritable(instance: Instance, field: FieldDefinition): boolean {
  if (!field.readOnly) return true;
  const { optOutTimesWritable, optOutNames } = instance.settings;
  const isOptOutTime =
    field.name.endsWith("LastModified") && (field.name.startsWith(optOutNames) || field.name.startsWith("ccpa"));
  return optOutTimesWritable && isOptOutTime;
}

function readItem(instance: Instance, view: View, field: FieldDefinition, wire: unknown, isNew: boolean): Changes {
  const { name } = view.resource;
  if (!isObject(wire)) throw badValue(`The '${field.name}' property is not an object.`);
  const changes: Changes = {};
  for (const [key, value] of Object.entries(wire)) {
    const inner = field.fields?.find((candidate) => candidate.name === key);
    const refusedByV8 = instance.settings.version === "v8" && field.name === "location" && !isNew;
    if (inner === undefined || refusedByV8) throw unknownProperty(key, name);
    const path = `${field.name}.${key}`;
    changes[path] = toStored(inner, path, value, instance.settings);
  }
  return changes;
}

/** The body's PKey must name the record that the URI names (§3.3). */
function checkPKey(
  instance: Instance,
  view: View,
  given: unknown,
  row: Row | undefined,
  rawKey: string | undefined,
): void {
  const { name, definition } = view.resource;
  if (row === undefined) throw readOnlyProperty("PKey");
  const text = String(given);
  const id = text.startsWith("@") ? instance.keys.open(name, text) : findByRawKey(instance, view, text)?.id;
  if (id === row.id) return;
  if (id === undefined && text.startsWith("@")) throw badPKey(text, definition.label, definition.schema);
  throw inconsistentKey(name, rawKey ?? instance.keys.pkey(name, row.id), text);
}

/**
 * What `body` changes. `row` is the record to update, undefined for a new one; `rawKey` the key in the URI, if it was one.
 * Throws the engine's errors; nothing has been written by then.
 */
export function readChanges(instance: Instance, view: View, body: Body, row?: Row, rawKey?: string): Changes {
  const changes: Changes = {};
  for (const [name, wire] of Object.entries(body)) {
    if (name === "PKey") {
      checkPKey(instance, view, wire, row, rawKey);
      continue;
    }
    if (name === "href") throw readOnlyProperty(name);
    const field = view.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw unknownProperty(name, view.resource.name);
    if (!isWritable(instance, field)) throw readOnlyProperty(name);
    if (field.type === "link") Object.assign(changes, readLink(instance, view, field, wire));
    else if (field.type === "item") Object.assign(changes, readItem(instance, view, field, wire, row === undefined));
    else changes[name] = toStored(field, name, wire, instance.settings);
  }
  for (const [path, value] of Object.entries(changes)) {
    const field = view.resource.field(path);
    if (field !== undefined && field.type !== "link" && value === emptyValue(field)) changes[path] = undefined;
  }
  return changes;
}
