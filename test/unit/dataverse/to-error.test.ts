import { describe, expect, it } from "vitest";
import { toDataverseError } from "../../../shared/dataverse/to-error.js";
import { errorKind, type RefusedError } from "../../../shared/errors.js";
import type { HttpResponse } from "../../../shared/http/client.js";

function answer(status: number, code = "", message = ""): HttpResponse {
  return {
    status,
    headers: {},
    text: JSON.stringify({ error: { code, message } }),
    attempts: 1,
    elapsedMs: 1,
    mayEcho: false,
  };
}

describe("toDataverseError", () => {
  it.each([
    [401, "", "auth"],
    [403, "0x80040220", "table"],
    [403, "0x80072560", "auth"],
    [404, "0x80040217", "missing"],
    [404, "0x80060888", "table"],
    [404, "", "table"],
    [412, "0x80060882", "conflict"],
    [400, "0x80044352", "refused"],
    [500, "0x80040216", "unavailable"],
  ])("takes status %i with code %s as %s", (status, code, kind) => {
    const error = toDataverseError("read contact", answer(status, code));

    expect(errorKind(error)).toBe(kind);
  });

  it("keeps the vendor's code, by which an expired tracking link is known", () => {
    const error = toDataverseError("read changes", answer(400, "0x80044352", "Version stamp has expired."));

    expect((error as RefusedError).code).toBe("0x80044352");
  });

  it("reads an answer that is HTML without failing on it", () => {
    const error = toDataverseError("read contact", { ...answer(502), text: "<html>Bad gateway</html>" });

    expect(errorKind(error)).toBe("unavailable");
  });

  it("passes on no value that Dataverse quotes", () => {
    const error = toDataverseError(
      "write contact",
      answer(400, "0x1", "value 'Ann Lee' of ann.lee@example.com is bad"),
    );

    expect(error.message).not.toMatch(/Ann|example\.com/);
  });
});
