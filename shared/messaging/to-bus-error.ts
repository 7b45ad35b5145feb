import { AuthError, RefusedError, SyncError, UnavailableError } from "../errors.js";

/**
 * What an error of the bus SDK means in our words: AuthError when it does not accept us, RefusedError when a message is too
 * large, UnavailableError for all else (also a queue that does not exist: the deployment's fault, not the message's). A mistake in
 * our own code stays what it is: no outage may hide it.
 */
export function toBusError(queue: string, operation: string, thrown: unknown): Error {
  if (thrown instanceof SyncError || isBug(thrown)) return thrown;
  // After more than one attempt the SDK throws all their errors in one.
  const error: unknown = thrown instanceof AggregateError ? thrown.errors.at(-1) : thrown;
  const code = codeOf(error);
  const context = { system: "bus", queue, operation, code };
  const said = `queue ${queue} did not take ${operation}: ${code}`;
  if (code === "UnauthorizedAccess" || isCredentialError(error)) return new AuthError(said, context, error);
  if (code === "MessageSizeExceeded") return new RefusedError(said, code, context);
  return new UnavailableError(said, !neverSent.has(code), context, error);
}

/** After these nothing can have been taken. */
const neverSent = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "MessagingEntityNotFound"]);

/** Did the time run out, ours or the SDK's on our signal? */
export function isTimeOut(error: unknown): boolean {
  return error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
}

function codeOf(error: unknown): string {
  if (isTimeOut(error)) return "ETIMEDOUT";
  if (!(error instanceof Error)) return "unknown";
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return vague.has(code) ? (networkCode.exec(error.message)?.[1] ?? code) : code;
}

/** Codes under which the SDK hides the network's own, which is then in the message. */
const vague = new Set(["GeneralError", "ServiceCommunicationProblem"]);
const networkCode = /\b(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE)\b/;

function isBug(error: unknown): error is Error {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}

function isCredentialError(error: unknown): boolean {
  return error instanceof Error && /^(Aggregate)?(Authentication|CredentialUnavailable)/.test(error.name);
}
