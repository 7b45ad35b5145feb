// The admin API's part that lists, sets and deletes keys, as the host's own does ("Key management API" in the wiki of azure-functions-host). The master
// key is asked for in admin.ts.

import { randomBytes } from "node:crypto";
import { z } from "zod";
import { defaultKeyName, type HostKeys } from "../keys/host-keys.js";
import type { KeyScope, NamedKey } from "../keys/key-store.js";

/** A request below `/admin/`, its body read. */
export interface KeyRequest {
  method: string;
  url: URL;
  body: string;
}

/** What is answered; `body` becomes JSON. */
export interface KeyAnswer {
  status: number;
  body?: unknown;
}

/** Where keys are: all of a scope, or the one with this name. */
export interface KeyAddress {
  scope: KeyScope;
  name: string | undefined;
}

/** Reads `/admin/functions/F/keys[/NAME]` and `/admin/host/keys|functionkeys[/NAME]`; undefined for any other path. */
export function toKeyAddress({ pathname }: URL): KeyAddress | undefined {
  const [, functionName, isHost, name] =
    /^\/admin\/(?:functions\/([^/%]+)\/keys|(host)\/(?:keys|functionkeys))(?:\/([^/%]+))?$/i.exec(pathname) ?? [];
  if (functionName) return { scope: { of: "function", name: functionName }, name };
  return isHost ? { scope: { of: "host" }, name } : undefined;
}

const bodySchema = z.object({ value: z.string().min(1) });

/** Answers a request for keys. A new value is in force here at once, on other hosts within a second. */
export async function answerKeys(
  keys: HostKeys,
  { scope, name }: KeyAddress,
  { method, url, body }: KeyRequest,
): Promise<KeyAnswer> {
  const linked = (key: NamedKey) => ({ ...key, links: [{ rel: "self", href: hrefOf(url, scope, key.name) }] });
  if (name === undefined) {
    if (method !== "GET") return { status: 405 };
    const links = [{ rel: "self", href: url.origin + url.pathname }];
    return { status: 200, body: { keys: (await keys.list(scope)).map(linked), links } };
  }
  if (method === "GET") {
    const found = (await keys.list(scope)).find((key) => key.name.toLowerCase() === name.toLowerCase());
    return found ? { status: 200, body: linked(found) } : { status: 404 };
  }
  if (isFixed(scope, name)) {
    return { status: 501, body: { error: `key ${name} comes from an app setting here and is changed there` } };
  }
  if (method === "DELETE") {
    // System keys stay.
    if (name.startsWith("_")) return { status: 400, body: "Invalid key name." };
    return { status: (await keys.remove(scope, name)) ? 204 : 404 };
  }
  if (method !== "PUT" && method !== "POST") return { status: 405 };
  const value = method === "POST" ? randomBytes(40).toString("base64url") : readValue(body);
  if (value === undefined) return { status: 400, body: "Invalid key value" };
  const isNew = await keys.put(scope, { name, value });
  return { status: isNew ? 201 : 200, body: linked({ name, value }) };
}

function isFixed(scope: KeyScope, name: string): boolean {
  return scope.of === "host" && [defaultKeyName, "_master"].includes(name.toLowerCase());
}

function hrefOf({ origin }: URL, scope: KeyScope, name: string): string {
  const owner = scope.of === "host" ? "host" : `functions/${encodeURIComponent(scope.name)}`;
  return `${origin}/admin/${owner}/keys/${encodeURIComponent(name)}`;
}

function readValue(body: string): string | undefined {
  try {
    return bodySchema.parse(JSON.parse(body)).value;
  } catch {
    return undefined;
  }
}
