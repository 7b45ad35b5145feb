// One route: what it takes, what it answers, and what carries it out. From the routes come the router and docs/control-api.json alike.

import type { z } from "zod";
import { type Answer, isRefusal, type Refusal, refuse, toAnswer } from "./answer.js";
import type { ControlPorts } from "./ports.js";
import { requestProblems } from "./request-problems.js";

/** What a request carried, as text and JSON; nothing of it has been looked at. */
export interface RawRequest {
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
  body: unknown;
}

/** A file instead of JSON. */
export interface TextFile {
  csv: string;
  headers: Readonly<Record<string, string>>;
}

/** A route, its types forgotten. `path` is relative to `/api/control`, parameters in braces. */
export interface Route {
  method: "GET" | "POST" | "DELETE";
  path: string;
  /** One line for the reader of the API's description, and more where needed. */
  summary: string;
  description?: string;
  params: z.ZodObject;
  query: z.ZodObject;
  body?: z.ZodType;
  /** Status of success, and what is answered then. */
  status: number;
  answer: z.ZodType | "csv";
  /** Statuses of its own refusals; those that every route may answer are not listed. */
  refusals: readonly number[];
  /** May work for many seconds: only a few at once. */
  isLong: boolean;
  run(ports: ControlPorts, operator: string, raw: RawRequest): Promise<Answer>;
}

/** A call as a handler gets it: read and checked. */
export interface Call<Params, Query, Body> {
  ports: ControlPorts;
  operator: string;
  params: Params;
  query: Query;
  body: Body;
}

interface Definition<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType, Result>
  extends Pick<Route, "method" | "path" | "summary"> {
  description?: string;
  params: Params;
  query: Query;
  body?: Body;
  status?: number;
  answer: z.ZodType<Result> | "csv";
  refusals?: readonly number[];
  isLong?: boolean;
  handle(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Result | Refusal | TextFile>;
}

/** Makes a route of a handler: reads the request by its schemas and answers every problem with it at once. */
export function route<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType, Result>(
  definition: Definition<Params, Query, Body, Result>,
): Route {
  const { params, query, body, handle, status = 200, refusals = [], isLong = false, ...rest } = definition;
  return {
    ...rest,
    params,
    query,
    ...(body && { body }),
    status,
    refusals,
    isLong,
    async run(ports, operator, raw) {
      const read = {
        params: params.safeParse(raw.params),
        query: query.safeParse(raw.query),
        body: body?.safeParse(raw.body),
      };
      const problems = [
        ...requestProblems("path", read.params.error),
        ...requestProblems("query", read.query.error),
        ...requestProblems("body", read.body?.error),
      ];
      if (!read.params.success || !read.query.success || read.body?.success === false) {
        return toAnswer(refuse(400, "invalid-request", "the request is not right", problems));
      }
      const result = await handle({
        ports,
        operator,
        params: read.params.data,
        query: read.query.data,
        body: read.body?.data as z.output<Body>,
      });
      if (isRefusal(result)) return toAnswer(result);
      if (isFile(result)) {
        return { status, headers: result.headers, body: result.csv, type: "text/csv; charset=utf-8" };
      }
      return { status, body: result };
    },
  };
}

function isFile(result: unknown): result is TextFile {
  return typeof result === "object" && result !== null && "csv" in result;
}
