// What tests and people may see and do behind the API's back: `/_sim/state/<set>` and `/_sim/<command>`. Nothing here counts as a call.

import { z } from "zod";
import type { CallCounter } from "./engine/calls.js";
import { createRecord, deleteRecord, updateRecord } from "./engine/write.js";
import { deliver, recordEvents } from "./events/log.js";
import { exportOptOuts } from "./events/opt-out-file.js";
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

function viewOf(instance: Instance, resource: Resource): View {
  const isLinked = instance.catalog.view("profileAndServicesExt", resource.name) !== undefined;
  return instance.catalog.nested(isLinked ? "profileAndServicesExt" : "customResources", resource);
}

function findByHistoryKey(instance: Instance, resource: Resource, key: string): Row | undefined {
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
  const view = viewOf(instance, resource);
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

const seedSchema = z.strictObject({ resource: z.string(), records: z.array(z.record(z.string(), z.unknown())) });
const editSchema = z.strictObject({
  resource: z.string(),
  key: z.string(),
  values: z.record(z.string(), z.unknown()),
});
const removeSchema = z.strictObject({ resource: z.string(), key: z.string() });

function viewNamed(instance: Instance, name: string): View {
  return viewOf(instance, instance.catalog.resource(name));
}

function existing(instance: Instance, view: View, key: string): Row {
  const row = findByHistoryKey(instance, view.resource, key);
  if (row === undefined) throw new Error(`there is no ${view.resource.name} with key ${key}`);
  return row;
}

/** Commands: what someone does inside Campaign, outside the API. Undefined for an unknown one; an Error is the caller's mistake. */
export function runCommand({ instance, calls, tokens }: Inspected, name: string, body: unknown): unknown {
  switch (name) {
    case "reset-calls": {
      const before = calls.totals();
      calls.reset();
      return before;
    }
    case "settings":
      return instance.change(body);
    case "events":
      return recordEvents(instance, body);
    case "deliver":
      return deliver(instance, body);
    case "export-opt-outs":
      return exportOptOuts(instance) ?? { file: null, rows: 0 };
    case "revoke-tokens":
      tokens.revoke();
      return {};
    case "seed": {
      const { resource, records } = seedSchema.parse(body);
      const view = viewNamed(instance, resource);
      for (const record of records) createRecord(instance, view, record, { unrecorded: true });
      return { created: records.length };
    }
    case "edit": {
      const { resource, key, values } = editSchema.parse(body);
      const view = viewNamed(instance, resource);
      updateRecord(instance, view, existing(instance, view, key), values, { unrecorded: true });
      return {};
    }
    case "remove": {
      const { resource, key } = removeSchema.parse(body);
      const view = viewNamed(instance, resource);
      deleteRecord(instance, view.resource, existing(instance, view, key), { unrecorded: true });
      return {};
    }
    default:
      return undefined;
  }
}
