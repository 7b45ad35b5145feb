// Dataverse's error answers to our kinds (facts/dataverse.md §13). The only place that knows its codes.

import {
  AuthError,
  ConflictError,
  MissingError,
  RefusedError,
  type SyncError,
  TableError,
  UnavailableError,
} from "../errors.js";
import type { HttpResponse } from "../http/client.js";
import { parseJson } from "../http/json.js";
import { redact } from "../http/redact.js";

/** The row does not exist: the only answer that means deleted. */
const objectDoesNotExist = "0x80040217";

/** The application user is known and lacks a privilege on this table. */
const privilegeCodes = new Set(["0x80040220", "0x80048306", "0x80048405"]);

/** The error for a final answer that is not a success. `operation` names the call in words without ids. */
export function toDataverseError(operation: string, response: HttpResponse): SyncError {
  const { code, message } = readError(response.text);
  const context = {
    system: "dynamics",
    operation,
    status: response.status,
    code,
    requestId: response.headers["x-ms-service-request-id"],
    elapsedMs: response.elapsedMs,
  };
  const said = `Dataverse answered ${response.status} ${code} to ${operation}: ${redact(message)}`;
  switch (response.status) {
    case 401:
      return new AuthError(`Dataverse does not accept our token for ${operation}`, context);
    case 403:
      return privilegeCodes.has(code)
        ? new TableError(`${said} Give the application user a role with this privilege.`, code, context)
        : new AuthError(`${said}${advice(code)}`, context);
    case 404:
      return code === objectDoesNotExist
        ? new MissingError(`the row does not exist in Dataverse (${operation})`, context)
        : new TableError(said, code || "404", context);
    case 412:
      return new ConflictError(said, context);
    default:
      return response.status >= 500 ? new UnavailableError(said, true, context) : new RefusedError(said, code, context);
  }
}

/** What an administrator can do about a 403 (facts/dataverse.md §12). */
function advice(code: string): string {
  if (code === "0x80072560")
    return " Is there an application user for this client id, and is the tenant the right one?";
  if (code === "0x80040225") return " Enable the application user.";
  return " Give the application user a security role.";
}

function readError(text: string): { code: string; message: string } {
  const body = parseJson(text);
  const error = typeof body === "object" && body !== null && "error" in body ? body.error : undefined;
  if (typeof error !== "object" || error === null) return { code: "", message: "" };
  const code = "code" in error ? String(error.code) : "";
  const message = "message" in error ? String(error.message) : "";
  return { code, message };
}
