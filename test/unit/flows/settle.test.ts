import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AuthError,
  BindingError,
  ConflictError,
  MalformedError,
  MissingError,
  RefusedError,
  ThrottledError,
  UnavailableError,
} from "../../../shared/errors.js";
import { decideFate, delaysMs } from "../../../shared/flows/settle.js";

const now = Date.parse("2026-03-01T00:00:00Z");

describe("decideFate", () => {
  it.each([
    ["a peer is away", new UnavailableError("away", true)],
    ["a peer rejects our credentials", new AuthError("no")],
    ["the state belongs to another organisation", new BindingError("no")],
    ["somebody else was faster", new ConflictError("stale")],
  ])("delays without counting an attempt when %s", (_why, error) => {
    const fate = decideFate(error, 3, now);

    expect(fate).toMatchObject({ fate: "delay", attempt: 3 });
    expect((fate as { at: number }).at).toBeGreaterThan(now);
  });

  it("waits as long as a throttling peer asked, and never less than a second", () => {
    const long = decideFate(new ThrottledError("slow down", 42_000), 0, now);
    const short = decideFate(new ThrottledError("slow down", 0), 0, now);

    expect(long).toEqual({ fate: "delay", at: now + 42_000, attempt: 0 });
    expect(short).toEqual({ fate: "delay", at: now + 1_000, attempt: 0 });
  });

  it.each(delaysMs.map((delay, attempt) => [attempt, delay]))(
    "delays attempt %i of a message that may yet succeed by %i ms and counts it",
    (attempt, delay) => {
      const fate = decideFate(new MissingError("no such record"), attempt, now);

      expect(fate).toEqual({ fate: "delay", at: now + delay, attempt: attempt + 1 });
    },
  );

  it("counts attempts on a 500 in unknown words, which may be the record's own fault", () => {
    const unclear = new UnavailableError("answered 500", true, { status: 500 });

    expect(decideFate(unclear, 0, now)).toEqual({ fate: "delay", at: now + 5_000, attempt: 1 });
    expect(decideFate(unclear, delaysMs.length, now)).toMatchObject({ fate: "fail" });
  });

  it("fails a message after the last delay", () => {
    const fate = decideFate(new MalformedError("not a list"), delaysMs.length, now);

    expect(fate).toMatchObject({ fate: "fail", reason: "malformed" });
  });

  it("fails at once what the peer refuses for good, with the vendor's code", () => {
    const fate = decideFate(new RefusedError("no such value", "bad-enumeration-value"), 0, now);

    expect(fate).toEqual({ fate: "fail", reason: "refused", code: "bad-enumeration-value", message: "no such value" });
  });

  it("gives bugs back to the platform", () => {
    const fate = decideFate(new TypeError("undefined is not a function"), 0, now);

    expect(fate).toEqual({ fate: "redeliver" });
  });

  it("is total: whatever is thrown has a fate, and no delay lies in the past", () => {
    fc.assert(
      fc.property(fc.anything(), fc.nat(20), (thrown, attempt) => {
        const fate = decideFate(thrown, attempt, now);

        return fate.fate !== "delay" || fate.at > now;
      }),
    );
  });
});
