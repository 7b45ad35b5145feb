// The admin surface of the host: what is registered, is it running, run a timer now; keys are key-routes.ts. Everything but ping needs the master key.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FunctionDefinition } from "../config/function-definition.js";
import { type HostKeys, shownKey } from "../keys/host-keys.js";
import { answerKeys, type KeyAddress, toKeyAddress } from "./key-routes.js";
import { readBody } from "./read-body.js";

/** More than any key needs. */
const longestBody = 10_000;

export interface AdminOptions {
  functions: readonly FunctionDefinition[];
  keys: HostKeys;
  /** What `GET /admin/host/status` answers. */
  status(): Record<string, unknown>;
  /** Starts one run of a timer; false when there is no such timer here. */
  runTimer(name: string): boolean;
}

/** Handles paths below `/admin/`; a function that is no timer cannot be started from here (501). */
export function makeAdmin(
  options: AdminOptions,
): (request: IncomingMessage, url: URL, response: ServerResponse) => Promise<void> {
  const named = (name: string | undefined): FunctionDefinition | undefined =>
    options.functions.find((candidate) => candidate.name.toLowerCase() === name?.toLowerCase());
  const isKnown = ({ scope }: KeyAddress): boolean => scope.of === "host" || named(scope.name) !== undefined;

  return async (request, url, response) => {
    const send = (status: number, body?: unknown): void => {
      response.statusCode = status;
      if (body === undefined) {
        response.end();
        return;
      }
      response.setHeader("content-type", "application/json; charset=utf-8");
      response.end(JSON.stringify(body));
    };
    const body = await readBody(request, longestBody);
    const { method = "" } = request;
    if (url.pathname === "/admin/host/ping") return send(200);
    const key = shownKey(request.headers["x-functions-key"], url.searchParams);
    if (!(await options.keys.isAllowed("admin", key))) return send(401);
    if (body === "too large") return send(413);
    if (body === "gone") return;

    if (method === "GET" && url.pathname === "/admin/host/status") return send(200, options.status());
    if (method === "GET" && url.pathname === "/admin/functions") return send(200, options.functions.map(describe));
    const address = toKeyAddress(url);
    if (address) {
      if (!isKnown(address)) return send(404);
      const { status, body: answer } = await answerKeys(options.keys, address, { method, url, body: body.toString() });
      return send(status, answer);
    }
    const definition = named(/^\/admin\/functions\/([^/]+)$/.exec(url.pathname)?.[1]);
    if (!definition) return send(404);
    if (method === "GET") return send(200, describe(definition));
    if (method !== "POST") return send(405);
    if (definition.trigger.kind !== "timer") {
      return send(501, {
        error: `only timers can be started here, ${definition.name} is triggered by ${definition.trigger.kind}`,
      });
    }
    return options.runTimer(definition.name) ? send(202) : send(409, { error: `${definition.name} is disabled` });
  };
}

function describe(definition: FunctionDefinition): Record<string, unknown> {
  const { kind, name: _bindingName, ...trigger } = definition.trigger;
  return { name: definition.name, triggerType: kind, disabled: definition.disabled, trigger };
}
