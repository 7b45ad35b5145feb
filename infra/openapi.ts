// Writes docs/control-api.json, the OpenAPI 3.1 description of the control API, from the routes themselves.
// node --import tsx infra/openapi.ts; with --check it writes nothing and fails when the file is stale.

import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { refusalSchema } from "../shared/control/answer.js";
import type { Route } from "../shared/control/route.js";
import { bodyRefusals, commonRefusals, longRefusals } from "../shared/control/router.js";
import { controlRoutes } from "../shared/control/routes.js";
import { print } from "./mapping-schema.js";

/** Where the description lies, from the repository's root. */
export const openapiPath = "docs/control-api.json";

const meanings: Readonly<Record<number, string>> = {
  400: "The request is not right; `problems` names every problem and its fix.",
  401: "Nobody, as far as the app can tell: the function key is missing or wrong (the host answers that without a body).",
  403: "Somebody who may not.",
  404: "There is no such thing.",
  409: "Not now: somebody was faster, or something else is under way.",
  413: "The body is too large.",
  415: "The body is not application/json.",
  429: "Too many requests that take long; `retry-after` says when to ask again.",
  500: "A mistake of the app's; its log says which.",
  502: "Dynamics or Campaign answered what nobody expected.",
  503: "A system the app needs cannot be reached, or does not accept its credentials.",
};

/** Every status a route may answer. */
export function statusesOf({ status, refusals, body, isLong }: Route): number[] {
  const all = [status, ...commonRefusals, ...(body ? bodyRefusals : []), ...(isLong ? longRefusals : []), ...refusals];
  return [...new Set(all)].sort((a, b) => a - b);
}

/** The whole description. */
export function openapi(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  const shared: Record<string, unknown> = {};
  for (const route of controlRoutes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, shared) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Control API",
      version: "1",
      description:
        "Start and stop, status, settings, preview, replay and failures. Every request needs the function key; `x-operator` may say which operator sends it.",
    },
    servers: [{ url: "/api/control" }],
    security: [{ key: [] }, { keyInQuery: [] }],
    paths,
    components: {
      schemas: { Refusal: schema(refusalSchema, "output", shared), ...sorted(shared) },
      parameters: {
        operator: {
          name: "x-operator",
          in: "header",
          required: false,
          description: "Id of the operator, kept with what they do; no name and no address.",
          schema: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" },
        },
      },
      securitySchemes: {
        key: { type: "apiKey", in: "header", name: "x-functions-key" },
        keyInQuery: { type: "apiKey", in: "query", name: "code" },
      },
    },
  };
}

function operation(route: Route, shared: Shared): Record<string, unknown> {
  const { summary, description, params, query, body } = route;
  const parameters = [
    { $ref: "#/components/parameters/operator" },
    ...inputs("path", params, shared),
    ...inputs("query", query, shared),
  ];
  return {
    operationId: operationId(route),
    summary,
    ...(description !== undefined && { description }),
    parameters,
    ...(body && { requestBody: { required: isRequired(body), content: json(schema(body, "input", shared)) } }),
    responses: Object.fromEntries(statusesOf(route).map((status) => [String(status), response(route, status, shared)])),
  };
}

/** E.g. `POST /tables/{table}/replay` is `postTablesOneReplay`. */
function operationId({ method, path }: Route): string {
  const words = path.replace(/(\/\{\w+\})+/g, "/one").split(/[/-]/);
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function inputs(where: "path" | "query", shape: z.ZodObject, shared: Shared): Record<string, unknown>[] {
  const { properties = {}, required = [] } = schema(shape, "input", shared) as {
    properties?: Record<string, unknown>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, inner]) => ({
    name,
    in: where,
    required: required.includes(name),
    schema: inner,
  }));
}

function response(route: Route, status: number, shared: Shared): Record<string, unknown> {
  if (status !== route.status) {
    const content = json({ $ref: "#/components/schemas/Refusal" });
    return { description: meanings[status] ?? "Refused.", content };
  }
  if (route.answer !== "csv") return { description: "Done.", content: json(schema(route.answer, "output", shared)) };
  const continuation = { description: "What to give as `continuation` for the next file.", schema: { type: "string" } };
  return {
    description: "Done.",
    headers: { "x-continuation": continuation },
    content: { "text/csv": { schema: { type: "string" } } },
  };
}

/** A body whose members may all be left out may be left out as a whole. */
function isRequired(body: z.ZodType): boolean {
  return !body.safeParse({}).success;
}

function json(inner: unknown): Record<string, unknown> {
  return { "application/json": { schema: inner } };
}

type Shared = Record<string, unknown>;

/** The JSON Schema of a schema; parts of it that have a name go to `shared`, and a reference stands in their place. */
function schema(of: z.ZodType, io: "input" | "output", shared: Shared): Record<string, unknown> {
  const text = JSON.stringify(z.toJSONSchema(of, { io })).replaceAll("#/$defs/", "#/components/schemas/");
  const { $schema: _schema, $defs = {}, id, ...rest } = JSON.parse(text) as Record<string, Shared | undefined>;
  for (const [name, part] of Object.entries($defs)) {
    const { id: _id, ...definition } = part as Shared;
    shared[name] = definition;
  }
  if (typeof id !== "string") return rest;
  shared[id] = rest;
  return { $ref: `#/components/schemas/${id}` };
}

function sorted(shared: Shared): Shared {
  return Object.fromEntries(Object.entries(shared).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Text of the file. */
export function openapiFile(): string {
  return `${print(openapi(), "")}\n`;
}

if (process.argv[1]?.endsWith("openapi.ts")) {
  if (!process.argv.includes("--check")) writeFileSync(openapiPath, openapiFile());
  else if (readFileSync(openapiPath, "utf8") !== openapiFile()) {
    console.error(`${openapiPath} is not what shared/control/ says: run npm run openapi`);
    process.exitCode = 1;
  }
}
