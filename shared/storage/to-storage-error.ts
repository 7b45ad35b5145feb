// What an error of the table SDK means in our words. Single operations and transactions put the code in different places
// (facts/azure-local.md §3); nobody else looks at an SDK error.

import { AuthError, ConflictError, RefusedError, UnavailableError } from "../errors.js";

/**
 * Turns anything the SDK threw into a SyncError: 401 and 403 AuthError, 409 and 412 (and an entity that is gone) ConflictError,
 * 400 and its like RefusedError, the rest UnavailableError. A missing or vanishing *table* is UnavailableError: never "nothing there". A
 * mistake in our own code stays what it is: no outage may hide it.
 */
export function toStorageError(table: string, error: unknown): Error {
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) return error;
  const { status } = shapeOf(error);
  const code = storageCodeOf(error);
  const context = { system: "tables", table, status, code };
  const said = `table ${table}: ${status ?? "no answer"} ${code}`;
  if (status === 401 || status === 403 || isCredentialError(error)) return new AuthError(said, context, error);
  if (code.startsWith("Table")) return new UnavailableError(said, false, context, error);
  if (status === 409 || status === 412 || code === "ResourceNotFound") return new ConflictError(said, context);
  if (status !== undefined && refusals.has(status)) return new RefusedError(said, code, context);
  return new UnavailableError(said, status === undefined || status >= 500, context, error);
}

/** The service understood and says no. A 404 in any other words than above is not the service's own. */
const refusals = new Set([400, 405, 411, 413, 414, 415, 422]);

/** The service's code (`EntityAlreadyExists`), or the network's (`ECONNREFUSED`), or the error's class. Never a message. */
export function storageCodeOf(error: unknown): string {
  const { code, details, name, status } = shapeOf(error);
  return details ?? code ?? (status === 404 ? "NotFound" : (name ?? "unknown"));
}

interface Shape {
  status: number | undefined;
  code: string | undefined;
  details: string | undefined;
  name: string | undefined;
}

function shapeOf(error: unknown): Shape {
  const odata = memberOf(memberOf(error, "details"), "odataError");
  const status = memberOf(error, "statusCode");
  return {
    status: typeof status === "number" ? status : undefined,
    details: textOf(memberOf(odata, "code")),
    code: textOf(memberOf(error, "code")),
    name: textOf(memberOf(error, "name")),
  };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Thrown by @azure/identity before anything was sent. */
function isCredentialError(error: unknown): boolean {
  return /^(Aggregate)?(Authentication|CredentialUnavailable)/.test(shapeOf(error).name ?? "");
}
