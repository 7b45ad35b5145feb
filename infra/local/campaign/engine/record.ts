// Calls that name one record: GET, PATCH, DELETE, and what POST answers (facts/campaign.md §3.2).

import type { SimRequest, SimResponse } from "../../sim/types.js";
import type { Instance, Row } from "../instance.js";
import type { View } from "../model/catalog.js";
import { EngineError, json } from "../wire/errors.js";
import { type Base, present, recordHref } from "../wire/present.js";
import { findRecord } from "./find.js";
import { parseBody } from "./read-body.js";
import { deleteRecord, updateRecord } from "./write.js";

/** A call as the engine sees it: `segments` is the path behind `/<org>/campaign/`. */
export interface EngineCall {
  request: SimRequest;
  base: Base;
  segments: string[];
}

const noContent: SimResponse = { status: 204, headers: {}, body: "" };
const emptyOk: SimResponse = { status: 200, headers: {}, body: "" };

/** Answer to a verb that the place does not take. */
export function notAllowed(method: string, place: string): SimResponse {
  return json(405, { error_code: "405", message: `${method} is not allowed on ${place}.` }, { allow: "GET" });
}

/** Answer to a POST that made `row`. */
export function created(instance: Instance, base: Base, view: View, row: Row): SimResponse {
  // Only v8's POST shows the linked records (§1).
  const setLinks = instance.settings.version === "standard" && view.resource.name !== "subscriptionRcp";
  return json(instance.settings.createStatus, present(instance, base, view, row, { setLinks }));
}

/** Answers a call to the record that `key` names, encrypted or raw. */
export function onRecord(instance: Instance, call: EngineCall, view: View, key: string): SimResponse {
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
