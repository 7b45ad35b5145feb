// What tests and people may see behind the API's back: `/_sim/state/<set>`. Nothing here counts as a call.

import type { CallCounter } from "./engine/calls.js";
import type { Gateway } from "./gateway/gateway.js";
import type { Tokens } from "./gateway/tokens.js";
import { historyKey, type Instance, type Row } from "./instance.js";
import type { Resource, View } from "./model/catalog.js";
import type { Write } from "./store/store.js";
import { isVisible } from "./wire/links.js";
import { present } from "./wire/present.js";

/** What the sets and commands work on. */
export interface Inspected {
  instance: Instance;
  calls: CallCounter;
  gateway: Gateway;
  tokens: Tokens;
}

/** The widest view of a resource: every field, whichever API shows it. */
export function widestView(instance: Instance, resource: Resource): View {
  const isLinked = instance.catalog.view("profileAndServicesExt", resource.name) !== undefined;
  return instance.catalog.nested(isLinked ? "profileAndServicesExt" : "customResources", resource);
}

/** The record with this key, or with this number after a `#`. */
export function findByHistoryKey(instance: Instance, resource: Resource, key: string): Row | undefined {
  const table = instance.store.table(resource.name);
  const path = resource.definition.keys[0]?.fields[0];
  const ids = key.startsWith("#") || path === undefined ? [Number(key.replace("#", ""))] : table.find([path], [key]);
  for (const id of ids) {
    const values = table.get(id);
    if (values !== undefined) return { id, values };
  }
  return undefined;
}

function plain(instance: Instance, view: View, row: Row): Record<string, unknown> {
  const { resource } = view;
  const key = historyKey(resource, row);
  return {
    id: row.id,
    key,
    hidden: !isVisible(instance, resource, row.values),
    written: instance.store.writes(resource.name).get(key)?.length ?? 0,
    record: present(instance, "", view, row),
  };
}

/** All records of a resource, or the one with `?key=`, plain; `?offset=` and `?limit=` for large ones. */
function* records(instance: Instance, resource: Resource, query: URLSearchParams): Generator<Record<string, unknown>> {
  const view = widestView(instance, resource);
  const key = query.get("key");
  if (key !== null) {
    const row = findByHistoryKey(instance, resource, key);
    if (row !== undefined) yield plain(instance, view, row);
    return;
  }
  const table = instance.store.table(resource.name);
  const offset = Number(query.get("offset") ?? 0);
  const end = offset + Number(query.get("limit") ?? Number.POSITIVE_INFINITY);
  let position = -1;
  for (const id of table.ids()) {
    position += 1;
    if (position >= end) return;
    const values = position < offset ? undefined : table.get(id);
    if (values !== undefined) yield plain(instance, view, { id, values });
  }
}

function hasEqualNeighbours(writes: readonly Write[]): boolean {
  return writes.some((write, index) => {
    const before = writes[index - 1];
    return before?.sha256 === write.sha256 && before.method === write.method;
  });
}

/**
 * Writes per record of `?resource=` (profile): `?key=` for one record, `?equal=true` for the records that got the same body
 * twice in a row.
 */
function writesOf(instance: Instance, query: URLSearchParams): Record<string, readonly Write[]> {
  const all = instance.store.writes(query.get("resource") ?? "profile");
  const key = query.get("key");
  if (key !== null) return { [key]: all.get(key) ?? [] };
  const wanted = query.get("equal") === "true" ? [...all].filter(([, writes]) => hasEqualNeighbours(writes)) : all;
  return Object.fromEntries(wanted);
}

function summary({ instance, calls, gateway, tokens }: Inspected): Record<string, unknown> {
  const { total, failed } = calls.totals();
  const sizes = [...instance.catalog.resources.keys()].map((name) => [name, instance.store.table(name).size]);
  return {
    organization: instance.settings.organization,
    version: instance.settings.version,
    records: Object.fromEntries(sizes) as Record<string, number>,
    calls: { total, failed },
    tokensIssued: tokens.issued,
    throttled: gateway.breaches,
  };
}

/** Answer of `GET /_sim/state/<set>`; undefined when there is no such set. */
export function stateOf(inspected: Inspected, set: string, query: URLSearchParams): unknown {
  const { instance, calls } = inspected;
  switch (set) {
    case "calls":
      return calls.totals();
    case "writes":
      return writesOf(instance, query);
    case "summary":
      return summary(inspected);
    case "settings":
      return instance.settings;
    case "resources":
      return [...instance.catalog.resources.values()].map((resource) => resource.definition);
  }
  const resource = instance.catalog.resources.get(set);
  return resource === undefined ? undefined : records(instance, resource, query);
}
