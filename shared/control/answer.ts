// What the control API answers: results, refusals in one shape, and which error becomes which status. Which route answers what: routes.ts.

import { z } from "zod";
import { type ErrorKind, errorKind, safeMessage, ThrottledError } from "../errors.js";

/** One thing wrong with a request: where (`body.ids[0]`, `query.limit`, `header.x-operator`), what, and how to put it right. */
export interface RequestProblem {
  path: string;
  problem: string;
  fix: string;
}

/** An answer, ready to be sent. `text` is sent as it is, under its type; anything else as JSON. */
export interface Answer {
  status: number;
  headers?: Readonly<Record<string, string>>;
  body: unknown;
  type?: "text/csv; charset=utf-8";
}

/** A request that is not carried out. Nothing was changed, unless the message says so. */
export interface Refusal {
  refused: number;
  code: string;
  message: string;
  problems?: readonly RequestProblem[];
  retryAfterSeconds?: number;
}

const problemSchema = z.object({ path: z.string(), problem: z.string(), fix: z.string() });

/** Shape of every refusal. */
export const refusalSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), problems: z.array(problemSchema).optional() }),
});

/** A refusal for the caller: a stable code to act on, and a sentence to read. */
export function refuse(refused: number, code: string, message: string, problems?: readonly RequestProblem[]): Refusal {
  return { refused, code, message, ...(problems && { problems }) };
}

/** Is it a refusal? */
export function isRefusal(result: unknown): result is Refusal {
  return typeof result === "object" && result !== null && "refused" in result;
}

/** The refusal as it is sent. */
export function toAnswer({ refused, code, message, problems, retryAfterSeconds }: Refusal): Answer {
  return {
    status: refused,
    body: { error: { code, message, ...(problems && { problems }) } },
    ...(retryAfterSeconds !== undefined && { headers: { "retry-after": String(retryAfterSeconds) } }),
  };
}

const statuses: Readonly<Record<ErrorKind, number>> = {
  // The caller's own input was read by a schema before: what is malformed now came from a peer or out of the store.
  malformed: 502,
  refused: 502,
  table: 502,
  unauthenticated: 401,
  missing: 404,
  conflict: 409,
  settings: 503,
  binding: 503,
  auth: 503,
  throttled: 503,
  unavailable: 503,
  bug: 500,
};

/** What an error that was thrown means to the caller. Says nothing of an error that is not ours: it may hold a person's data. */
export function refusalOf(error: unknown): Refusal {
  const kind = errorKind(error);
  if (kind === "bug") return refuse(500, "bug", "something went wrong in this app: its log says what");
  const retryAfterSeconds = error instanceof ThrottledError ? Math.ceil(error.retryAfterMs / 1000) : undefined;
  return {
    ...refuse(statuses[kind], kind, safeMessage(error)),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
}
