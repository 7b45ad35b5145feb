// One call behind the gateway, from address to answer (facts/campaign.md §3, §5, §6).

import type { SimResponse } from "../../sim/types.js";
import { answerHistory } from "../events/history.js";
import { answerWorkflow } from "../events/workflows.js";
import type { Instance } from "../instance.js";
import { countRows, type ListCall, listPage } from "../query/list.js";
import { json, NotImitatedError } from "../wire/errors.js";
import type { Base } from "../wire/present.js";
import { type Address, kindOf, readAddress } from "./address.js";
import { filtersOf, metadataOf, rootOf } from "./metadata.js";
import { onNested } from "./nested.js";
import { parseBody } from "./read-body.js";
import { created, type EngineCall, notAllowed, onRecord } from "./record.js";
import { createRecord } from "./write.js";

function listCall(base: Base, address: Address & { is: "list" | "count" }): ListCall {
  const { view, filters, field } = address;
  const path = [view.api, view.resource.name, ...filters, ...(field ? [field.name] : [])].join("/");
  if (field !== undefined && (field.type === "item" || field.type === "link" || field.computed)) {
    throw new NotImitatedError(`selection of the single field '${field.name}' (type ${field.type}, or computed)`);
  }
  return { view, filters, self: `${base}/${path}`, ...(field && { field }) };
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
