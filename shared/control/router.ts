// From an HTTP request to an answer: who asks, which route, what body, and never an exception. What each route does is its own file's.

import { type Answer, isRefusal, type Refusal, refusalOf, refuse, toAnswer } from "./answer.js";
import type { Authorize } from "./authorize.js";
import { parseJson } from "./parse-json.js";
import type { ControlPorts } from "./ports.js";
import type { Route } from "./route.js";
import { controlRoutes } from "./routes.js";

/** A request as the host hands it over. `path` is what follows `/api/control`. */
export interface ControlRequest {
  method: string;
  path: string;
  query: Readonly<Record<string, string>>;
  header(name: string): string | undefined;
  text(): Promise<string>;
}

/** The answer, and what the log is to say of the request. */
export interface Handled {
  answer: Answer;
  /** Method and path of the route, its parameters as names; undefined: none. */
  route?: string;
  operator?: string;
  /** What was thrown, where something was. */
  error?: unknown;
}

/** What every route may answer besides its own. */
export const commonRefusals: readonly number[] = [400, 401, 403, 500, 503];
/** What a route that takes a body may answer, too. */
export const bodyRefusals: readonly number[] = [413, 415];
/** What a route may answer that may work for many seconds. */
export const longRefusals: readonly number[] = [429];

/** Largest body, in bytes: the documents of a hundred tables. */
export const maxBodyBytes = 2 * 1024 * 1024;
/** So many long requests at once and process: they share it with the lanes. */
const maxLong = 3;
const retryAfterSeconds = 5;

/** The host's own parameters: its keys. They are not ours to see. */
const hostParameters = new Set(["code", "clientId"]);

/** Answers requests. One for the life of the process: it counts the long ones under way. */
export function makeController(
  ports: ControlPorts,
  authorize: Authorize,
): { handle(request: ControlRequest): Promise<Handled> } {
  let long = 0;

  const run = async (
    route: Route,
    params: Readonly<Record<string, string>>,
    request: ControlRequest,
    operator: string,
  ) => {
    const body = route.method === "POST" ? await readBody(request) : { json: {} };
    if (isRefusal(body)) return toAnswer(body);
    if (route.isLong && long >= maxLong) {
      const message = `${maxLong} requests that take long are under way: ask again in a moment`;
      return toAnswer({ ...refuse(429, "busy", message), retryAfterSeconds });
    }
    const query = Object.fromEntries(Object.entries(request.query).filter(([name]) => !hostParameters.has(name)));
    long += route.isLong ? 1 : 0;
    try {
      await ports.ready();
      return await route.run(ports, operator, { params, query, body: body.json });
    } finally {
      long -= route.isLong ? 1 : 0;
    }
  };

  return {
    async handle(request) {
      let known: Omit<Handled, "answer"> = {};
      try {
        const changes = request.method !== "GET";
        const who = await authorize({ header: (name) => request.header(name), changes });
        if (isRefusal(who)) return { answer: toAnswer(who) };
        known = { operator: who.operator };
        const found = findRoute(request.method, request.path);
        if (!found) return { ...known, answer: toAnswer(refuse(404, "no-such-route", "there is nothing here")) };
        known = { ...known, route: `${found.route.method} ${found.route.path}` };
        return { ...known, answer: await run(found.route, found.params, request, who.operator) };
      } catch (error) {
        return { ...known, answer: toAnswer(refusalOf(error)), error };
      }
    },
  };
}

/** The route of a method and path. Where two fit, the one with fewer parameters does: `/settings/check` is no version. */
export function findRoute(
  method: string,
  path: string,
): { route: Route; params: Readonly<Record<string, string>> } | undefined {
  const parts = partsOf(path).map(decode);
  const fitting = controlRoutes.flatMap((route) => {
    const params = route.method === method ? match(partsOf(route.path), parts) : undefined;
    return params ? [{ route, params }] : [];
  });
  return fitting.sort((a, b) => Object.keys(a.params).length - Object.keys(b.params).length)[0];
}

function match(pattern: readonly string[], parts: readonly (string | undefined)[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const part = parts[index];
    if (part === undefined) return undefined;
    const name = /^\{(\w+)\}$/.exec(expected)?.[1];
    if (name !== undefined) params[name] = part;
    else if (part !== expected) return undefined;
  }
  return params;
}

function partsOf(path: string): string[] {
  return path.replace(/^\/|\/$/g, "").split("/");
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** No body at all stands for an empty object: `POST …/start` needs none. */
async function readBody(request: ControlRequest): Promise<{ json: unknown } | Refusal> {
  const tooLarge = refuse(413, "too-large", `a body has at most ${maxBodyBytes} bytes`);
  if (Number(request.header("content-length") ?? 0) > maxBodyBytes) return tooLarge;
  const text = await request.text();
  if (text === "") return { json: {} };
  if (Buffer.byteLength(text) > maxBodyBytes) return tooLarge;
  const type = request.header("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return refuse(415, "not-json", "send the body as JSON, with content-type: application/json");
  }
  const json = parseJson(text);
  return json === undefined ? refuse(400, "not-json", "the body is not JSON") : { json };
}
