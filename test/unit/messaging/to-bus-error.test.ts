import { describe, expect, it } from "vitest";
import { RefusedError } from "../../../shared/errors.js";
import { toBusError } from "../../../shared/messaging/to-bus-error.js";

/** An error as the SDK throws them. */
function sdkError(code: string, message = "", name = "ServiceBusError"): Error {
  return Object.assign(new Error(message), { name, code });
}

describe("toBusError", () => {
  it.each<[string, unknown, string, string]>([
    ["a rejected key", sdkError("UnauthorizedAccess"), "auth", "UnauthorizedAccess"],
    [
      "an identity that gives no token",
      Object.assign(new Error(), { name: "CredentialUnavailableError" }),
      "auth",
      "CredentialUnavailableError",
    ],
    ["a message that is too large", sdkError("MessageSizeExceeded"), "refused", "MessageSizeExceeded"],
    ["a bus that is busy", sdkError("ServiceBusy"), "unavailable", "ServiceBusy"],
    ["a full queue", sdkError("QuotaExceeded"), "unavailable", "QuotaExceeded"],
    ["a queue that does not exist", sdkError("MessagingEntityNotFound"), "unavailable", "MessagingEntityNotFound"],
    [
      "a closed port",
      sdkError("GeneralError", "ECONNREFUSED: connect", "MessagingError"),
      "unavailable",
      "ECONNREFUSED",
    ],
    ["a time-out of ours", new DOMException("late", "TimeoutError"), "unavailable", "ETIMEDOUT"],
    [
      "several attempts",
      new AggregateError([sdkError("ServiceBusy"), sdkError("UnauthorizedAccess")]),
      "auth",
      "UnauthorizedAccess",
    ],
    ["no error at all", "text", "unavailable", "unknown"],
  ])("says of %s what it is, with its code", (_what, thrown, kind, code) => {
    expect(toBusError("changes", "send", thrown)).toMatchObject({
      kind,
      context: { queue: "changes", operation: "send", code },
    });
  });

  it("rules out that a call was carried out only where it certainly was not", () => {
    const maybe = [
      sdkError("MessagingEntityNotFound"),
      sdkError("GeneralError", "ECONNREFUSED", "MessagingError"),
      sdkError("ServiceBusy"),
      new DOMException("late", "TimeoutError"),
    ]
      .map((thrown) => toBusError("changes", "send", thrown))
      .map((error) => "maybeApplied" in error && error.maybeApplied);

    expect(maybe).toEqual([false, false, true, true]);
  });

  it("leaves our own errors alone", () => {
    const own = new RefusedError("does not fit", "MessageSizeExceeded");

    expect(toBusError("changes", "send", own)).toBe(own);
  });

  it("does not make an outage of a mistake in our own code", () => {
    const bug = new TypeError("cannot read properties of undefined");

    expect(toBusError("changes", "send", bug)).toBe(bug);
  });

  it("does not repeat the SDK's message, which can name a host or a key", () => {
    expect(toBusError("changes", "send", sdkError("GeneralError", "SharedAccessKey=planted")).message).not.toContain(
      "planted",
    );
  });
});
