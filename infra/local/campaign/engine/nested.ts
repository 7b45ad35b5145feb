// Calls behind a record's PKey: its collections and links (facts/campaign.md §3.4, §7.3).

import type { SimResponse } from "../../sim/types.js";
import type { Instance, Row } from "../instance.js";
import type { Collection } from "../model/catalog.js";
import { countRows, type ListCall, listPage } from "../query/list.js";
import { json, NotImitatedError, noSuchPlace } from "../wire/errors.js";
import { backReference, linkTarget } from "../wire/links.js";
import { present } from "../wire/present.js";
import type { Address } from "./address.js";
import { findRecord } from "./find.js";
import { parseBody } from "./read-body.js";
import { created, type EngineCall, notAllowed, onRecord } from "./record.js";
import { createRecord } from "./write.js";

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

/** Answers a call to a collection, to a row of it, or to a linked record. */
export function onNested(instance: Instance, call: EngineCall, address: Address & { is: "nested" }): SimResponse {
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
