import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { openapiFile, openapiPath, statusesOf } from "../../infra/openapi.js";
import { findRoute } from "../../shared/control/router.js";
import { controlRoutes } from "../../shared/control/routes.js";

interface Operation {
  operationId: string;
  parameters: { $ref?: string; name?: string; in?: string; required?: boolean }[];
  requestBody?: { content: Record<string, { schema: { properties?: Record<string, unknown>; required?: string[] } }> };
  responses: Record<string, unknown>;
}

const text = readFileSync(openapiPath, "utf8");
const document = JSON.parse(text) as { openapi: string; paths: Record<string, Record<string, Operation>> };
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, operation })),
);
const routes = controlRoutes.map((route) => ({ name: `${route.method} ${route.path}`, route }));

describe("docs/control-api.json", () => {
  it("is fresh", () => {
    expect(text).toBe(openapiFile());
  });

  it("describes every route there is, and none that there is not", () => {
    expect(operations.map(({ name }) => name).sort()).toEqual(routes.map(({ name }) => name).sort());
  });

  it.each(routes)("says what $name takes and may answer", ({ name, route }) => {
    const operation = operations.find((candidate) => candidate.name === name)?.operation;

    const input = (schema: z.ZodType) => z.toJSONSchema(schema, { io: "input" });
    const namesIn = (where: string) =>
      (operation?.parameters ?? []).filter((parameter) => parameter.in === where).map((parameter) => parameter.name);
    const body = operation?.requestBody?.content["application/json"]?.schema;

    expect(namesIn("path")).toEqual([...route.path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter));
    expect(namesIn("query")).toEqual(Object.keys(input(route.query).properties ?? {}));
    expect(body?.properties).toEqual(route.body && input(route.body).properties);
    expect(body?.required).toEqual(route.body && input(route.body).required);
    expect(Object.keys(operation?.responses ?? {})).toEqual(statusesOf(route).map(String));
  });

  it("names every operation once, and refers to nothing that it does not hold", () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    const lookUp = (pointer: string): unknown =>
      pointer
        .slice(2)
        .split("/")
        .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
    const references = [...text.matchAll(/"\$ref": "(#[^"]+)"/g)].map(([, pointer]) => String(pointer));

    expect(new Set(ids).size).toBe(ids.length);
    expect(references.length).toBeGreaterThan(ids.length);
    expect(references.filter((pointer) => lookUp(pointer) === undefined)).toEqual([]);
  });
});

describe("the router", () => {
  it.each(routes)("finds $name by its path", ({ route }) => {
    const found = findRoute(route.method, route.path.replaceAll(/\{(\w+)\}/g, "x-$1"));

    expect(found?.route).toBe(route);
  });

  it.each([
    ["PUT", "/status"],
    ["POST", "/status"],
    ["GET", "/"],
    ["GET", "/status/more"],
    ["GET", "/failures/contact"],
    ["GET", "/records/contact/%E0%A4%A"],
  ])("finds nothing for %s %s", (method, path) => {
    expect(findRoute(method, path)).toBeUndefined();
  });
});
