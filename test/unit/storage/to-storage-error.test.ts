import { describe, expect, it } from "vitest";
import { toStorageError } from "../../../shared/storage/to-storage-error.js";

/** A failed single operation: the code is in the details. */
function single(statusCode: number, code: string): Error {
  return Object.assign(new Error("planted"), { name: "RestError", statusCode, details: { odataError: { code } } });
}

/** A failed transaction: the code is on the error, the message begins with the index of the operation. */
function transaction(statusCode: number, code: string): Error {
  return Object.assign(new Error("1:planted"), { name: "TableTransactionError", statusCode, code });
}

describe("toStorageError", () => {
  it.each<[number, string, string]>([
    [409, "EntityAlreadyExists", "conflict"],
    [412, "UpdateConditionNotSatisfied", "conflict"],
    [404, "ResourceNotFound", "conflict"],
    [404, "TableNotFound", "unavailable"],
    [409, "TableBeingDeleted", "unavailable"],
    [400, "PropertyValueTooLarge", "refused"],
    [413, "RequestBodyTooLarge", "refused"],
    [403, "AuthorizationFailure", "auth"],
    [401, "NoAuthenticationInformation", "auth"],
    [408, "OperationTimedOut", "unavailable"],
    [429, "TooManyRequests", "unavailable"],
    [500, "InternalError", "unavailable"],
    [503, "ServerBusy", "unavailable"],
  ])("reads %i %s as %s, from a single operation and from a transaction", (status, code, kind) => {
    for (const thrown of [single(status, code), transaction(status, code)]) {
      expect(toStorageError("syncstate", thrown)).toMatchObject({
        kind,
        context: { table: "syncstate", status, code },
      });
    }
  });

  it("reads a network error and a time-out as unavailable, maybe carried out", () => {
    const network = Object.assign(new Error("connect"), { name: "RestError", code: "ECONNRESET" });
    const late = Object.assign(new Error("late"), { name: "AbortError" });

    expect(toStorageError("t", network)).toMatchObject({
      kind: "unavailable",
      maybeApplied: true,
      context: { code: "ECONNRESET" },
    });
    expect(toStorageError("t", late)).toMatchObject({
      kind: "unavailable",
      maybeApplied: true,
      context: { code: "AbortError" },
    });
  });

  it("does not make an outage of a mistake in our own code", () => {
    const bug = new TypeError("cannot read properties of undefined");

    expect(toStorageError("t", bug)).toBe(bug);
  });

  it("does not repeat the service's message, which can hold keys of a record", () => {
    expect(toStorageError("t", single(400, "InvalidInput")).message).not.toContain("planted");
  });
});
