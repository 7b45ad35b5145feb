// The socket of the HTTP triggers: which function a request is for, who may call it, and its answer. Runs nothing itself.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { FunctionDefinition, HttpTrigger } from "../config/function-definition.js";
import type { HttpOptions } from "../config/host-json.js";
import { HostRefusal } from "../config/host-refusal.js";
import { type HostKeys, shownKey } from "../keys/host-keys.js";
import { describeError, type Log } from "../log.js";
import type { Runner } from "../runner.js";
import { makeAdmission } from "./admission.js";
import { sendHttpOutput, toHttpInput } from "./http-data.js";
import { readBody } from "./read-body.js";
import { parseRoute, type Route } from "./route.js";

export interface HttpServerOptions {
  functions: readonly FunctionDefinition[];
  http: HttpOptions;
  keys: HostKeys;
  runner: Runner;
  log: Log;
  /** A longer body is answered 413. */
  bodyLimitBytes: number;
  /** Whether `GET /` says that the host is up (200) or nothing (204). */
  homePage: boolean;
  /** Answers a path below `/admin/`. */
  admin(request: IncomingMessage, url: URL, response: ServerResponse): Promise<void>;
}

interface Endpoint {
  definition: FunctionDefinition;
  trigger: HttpTrigger;
  route: Route;
}

const HOME = "<!doctype html><title>Functions host</title><p>Your Functions 4.0 app is up and running (local host).\n";

/**
 * An HTTP server for the functions with an HTTP trigger, not listening yet. Whatever a client sends is answered or dropped;
 * nothing of a failure but its status leaves the host. Throws HostRefusal naming a route that cannot be read.
 */
export function makeHttpServer(options: HttpServerOptions): Server {
  const endpoints = toEndpoints(options.functions);
  const admission = makeAdmission(options.http.maxConcurrentRequests, options.http.maxOutstandingRequests);
  const prefix = options.http.routePrefix.replace(/^\/+|\/+$/g, "");

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = toUrl(request);
    if (!url) return answer(response, 400);
    if (url.pathname === "/") return answerHome(request, response, options.homePage);
    if (url.pathname.startsWith("/admin/")) return options.admin(request, url, response);

    const found = findEndpoint(endpoints, prefix, url.pathname, request.method ?? "");
    if (!found) return answer(response, 404);
    const { endpoint, params } = found;
    const key = shownKey(request.headers["x-functions-key"], url.searchParams);
    const { trigger, definition } = endpoint;
    if (!(await options.keys.isAllowed(trigger.authLevel, key, definition.name))) return answer(response, 401);

    const work = admission.enter(async () => {
      const body = await readBody(request, options.bodyLimitBytes);
      if (body === "too large") return answer(response.setHeader("connection", "close"), 413);
      if (body === "gone") return;
      const outcome = await options.runner.run(definition, {
        reason: "This function was programmatically called via the host APIs.",
        data: toHttpInput(request, url, params, body),
      });
      if (outcome.ok) sendHttpOutput(response, outcome.response.returnValue, options.http.customHeaders);
      else answer(response, 500);
    });
    if (!work) return answer(response, 429);
    await work;
  };

  const server = createServer((request, response) => {
    response.on("error", () => undefined);
    handle(request, response).catch((error: unknown) => {
      options.log({ level: "error", message: `answer could not be sent: ${describeError(error)}` });
      if (response.headersSent) response.destroy();
      else answer(response, 500);
    });
  });
  server.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
  return server;
}

function toEndpoints(functions: readonly FunctionDefinition[]): Endpoint[] {
  const endpoints: Endpoint[] = [];
  const problems: string[] = [];
  for (const definition of functions) {
    const { trigger } = definition;
    if (trigger.kind !== "http" || definition.disabled) continue;
    try {
      endpoints.push({ definition, trigger, route: parseRoute(trigger.route ?? definition.name) });
    } catch (error) {
      problems.push(`function ${definition.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (problems.length > 0) throw new HostRefusal(problems);
  return endpoints.sort((a, b) => a.route.order.localeCompare(b.route.order));
}

function findEndpoint(
  endpoints: readonly Endpoint[],
  prefix: string,
  pathname: string,
  method: string,
): { endpoint: Endpoint; params: Record<string, string> } | undefined {
  const path = pathname.slice(1);
  const below =
    prefix === "" ? path : path.toLowerCase().startsWith(`${prefix.toLowerCase()}/`) && path.slice(prefix.length + 1);
  if (below === false) return undefined;
  for (const endpoint of endpoints) {
    const { methods } = endpoint.trigger;
    if (methods.length > 0 && !methods.includes(method)) continue;
    const params = endpoint.route.match(below);
    if (params) return { endpoint, params };
  }
  return undefined;
}

function toUrl(request: IncomingMessage): URL | undefined {
  const host = request.headers.host ?? `127.0.0.1:${request.socket.localPort}`;
  return request.url?.startsWith("/") && URL.canParse(`http://${host}${request.url}`)
    ? new URL(`http://${host}${request.url}`)
    : undefined;
}

function answerHome(request: IncomingMessage, response: ServerResponse, homePage: boolean): void {
  const isRead = request.method === "GET" || request.method === "HEAD";
  response.statusCode = isRead ? (homePage ? 200 : 204) : 404;
  if (response.statusCode === 200) response.setHeader("content-type", "text/html; charset=utf-8").write(HOME);
  response.end();
}

function answer(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.end();
}
