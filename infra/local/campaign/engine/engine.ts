// One call of a data API, from address to answer, and the kind under which it is counted (facts/campaign.md §3, §5, §6).

import type { SimRequest, SimResponse } from "../../sim/types.js";
import { answerHistory } from "../events/history.js";
import { answerWorkflow } from "../events/workflows.js";
import type { Instance, Row } from "../instance.js";
import type { Collection, View } from "../model/catalog.js";
import { countRows, type ListCall, listPage } from "../query/list.js";
import { EngineError, json, NotImitatedError, noSuchPlace } from "../wire/errors.js";
import { backReference, linkTarget } from "../wire/links.js";
import { type Base, present, recordHref } from "../wire/present.js";
import { type Address, readAddress } from "./address.js";
import { findRecord } from "./find.js";
import { filtersOf, metadataOf, rootOf } from "./metadata.js";
import { parseBody } from "./read-body.js";
import { createRecord, deleteRecord, updateRecord } from "./write.js";

/** A call as the engine sees it: `segments` is the path behind `/<org>/campaign/`. */
export interface EngineCall {
  request: SimRequest;
  base: Base;
  segments: string[];
}

const noContent: SimResponse = { status: 204, headers: {}, body: "" };
const emptyOk: SimResponse = { status: 200, headers: {}, body: "" };

function notAllowed(method: string, place: string): SimResponse {
  return json(405, { error_code: "405", message: `${method} is not allowed on ${place}.` }, { allow: "GET" });
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

function listCall(base: Base, address: Address & { is: "list" | "count" }): ListCall {
  const { view, filters, field } = address;
  const path = [view.api, view.resource.name, ...filters, ...(field ? [field.name] : [])].join("/");
  if (field !== undefined && (field.type === "item" || field.type === "link" || field.computed)) {
    throw new NotImitatedError(`selection of the single field '${field.name}' (type ${field.type}, or computed)`);
  }
  return { view, filters, self: `${base}/${path}`, ...(field && { field }) };
}

function created(instance: Instance, base: Base, view: View, row: Row): SimResponse {
  // Only v8's POST shows the linked records (§1).
  const setLinks = instance.settings.version === "standard" && view.resource.name !== "subscriptionRcp";
  return json(instance.settings.createStatus, present(instance, base, view, row, { setLinks }));
}

function onRecord(instance: Instance, call: EngineCall, view: View, key: string): SimResponse {
  const { method, body } = call.request;
  const { settings } = instance;
  const rawKey = key.startsWith("@") ? undefined : key;
  if (rawKey !== undefined && view.resource.custom && !settings.customResourceKeys) {
    throw new EngineError(500, ["Keys of custom resources in the URI are switched off (customResourceKeys)."]);
  }
  if (rawKey !== undefined && method === "DELETE" && !settings.deleteByKey) {
    throw new EngineError(500, ["DELETE by identification key is switched off (deleteByKey)."]);
  }
  if (method === "GET") {
    const row = findRecord(instance, view, key);
    // §1: a single record shows its href only in v8.
    return json(200, present(instance, call.base, view, row, { href: settings.version === "standard" }));
  }
  if (method === "PATCH") {
    const parsed = parseBody(body);
    const row = findRecord(instance, view, key);
    updateRecord(instance, view, row, parsed, { rawKey });
    if (settings.version === "v8" && Object.keys(parsed).length === 0) return noContent;
    const PKey = instance.keys.pkey(view.resource.name, row.id);
    return json(200, { PKey, href: recordHref(call.base, view, PKey) });
  }
  if (method === "DELETE") {
    deleteRecord(instance, view.resource, findRecord(instance, view, key));
    return view.resource.name === "subscriptionRcp" ? noContent : emptyOk;
  }
  return notAllowed(method, `a record of ${view.resource.name}`);
}

function onCollection(
  instance: Instance,
  call: EngineCall,
  owner: Row,
  collection: Collection,
  address: Address & { is: "nested" },
): SimResponse {
  const { method, body, query } = call.request;
  const view = instance.catalog.nested(address.view.api, collection.source);
  const [last, more] = address.rest;
  const reference = backReference(collection, owner);
  if (last !== undefined && last !== "_count") {
    if (more !== undefined) throw new NotImitatedError("collections of the rows of a collection");
    const row = findRecord(instance, view, last);
    if (reference === undefined || row.values[reference.path] !== reference.value) {
      throw noSuchPlace(`'${last}' is not in the collection '${collection.name}'.`, call.segments.join("/"));
    }
    return onRecord(instance, call, view, last);
  }
  if (method === "POST" && last === undefined) {
    if (reference === undefined) throw new NotImitatedError("POST to a collection whose owner has no join value");
    const fixed = { [reference.path]: reference.value };
    return created(instance, call.base, view, createRecord(instance, view, parseBody(body), { fixed }));
  }
  if (method !== "GET") return notAllowed(method, `the collection ${collection.name}`);
  const self = `${call.base}/${call.segments.slice(0, 4).map(encodeURIComponent).join("/")}`.replaceAll("%40", "@");
  // An owner without a join value has no rows: -1 is nobody's value.
  const list: ListCall = { view, filters: [], parent: reference ?? { path: "id", value: -1 }, self };
  return json(200, last === "_count" ? countRows(instance, list, query) : listPage(instance, call.base, list, query));
}

function onNested(instance: Instance, call: EngineCall, address: Address & { is: "nested" }): SimResponse {
  const { view, key, name } = address;
  // §4: a custom key never has a collection behind it.
  if (!key.startsWith("@")) throw noSuchPlace(`'${name}' cannot follow the key '${key}'.`, call.segments.join("/"));
  const owner = findRecord(instance, view, key);
  const collection = view.collections.find((candidate) => candidate.name === name);
  if (collection !== undefined) return onCollection(instance, call, owner, collection, address);
  const link = view.fields.find((candidate) => candidate.name === name && candidate.type === "link");
  if (link === undefined) throw noSuchPlace(`'${name}' is neither link nor collection.`, call.segments.join("/"));
  const target = linkTarget(instance, link, owner.values);
  if (target === undefined) throw noSuchPlace(`The link '${name}' is not set.`, call.segments.join("/"));
  if (call.request.method !== "GET") return notAllowed(call.request.method, `the link ${name}`);
  const targetView = instance.catalog.nested(view.api, instance.catalog.resource(link.target ?? ""));
  return json(200, present(instance, call.base, targetView, target));
}

function answer(instance: Instance, call: EngineCall, address: Address): SimResponse {
  const { base, request } = call;
  const { method, body, query } = request;
  if (address.is === "record") return onRecord(instance, call, address.view, address.key);
  if (address.is === "nested") return onNested(instance, call, address);
  if (address.is === "list" && method === "POST" && address.filters.length === 0 && address.field === undefined) {
    return created(instance, base, address.view, createRecord(instance, address.view, parseBody(body)));
  }
  if (method !== "GET") return notAllowed(method, address.is);
  switch (address.is) {
    case "root":
      return json(200, rootOf(instance, base, address.api));
    case "metadata":
      return json(200, metadataOf(instance, base, address.view));
    case "filters":
      return json(200, filtersOf(instance, address.view));
    case "count":
      return json(200, countRows(instance, listCall(base, address), query));
    case "list":
      return json(200, listPage(instance, base, listCall(base, address), query));
  }
}

/** Answers one call of a data API; `count` is told its kind before anything can fail in it. */
export function answerCall(instance: Instance, call: EngineCall, count: (kind: string) => void): SimResponse {
  const [api, part, ...rest] = call.segments;
  if (api === "workflow" && part === "execution") {
    count(`${call.request.method} workflow`);
    return answerWorkflow(instance, call.base, call.request, rest);
  }
  if (api === "profileAndServices" && part === "history") {
    count(`${call.request.method} history`);
    return answerHistory(instance, call.base, call.request, rest);
  }
  const address = readAddress(instance, call.segments);
  count(kindOf(call.request.method, address));
  return answer(instance, call, address);
}
