import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Envelope,
  fitEnvelope,
  maxEnvelopeBytes,
  messageIdOf,
  parseEnvelope,
} from "../../../shared/model/envelope.js";
import { anEnvelope, recordId, version } from "../../support/samples.js";

const rows = fc.dictionary(
  fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/),
  fc.oneof(
    fc.string(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  ),
);

describe("parseEnvelope", () => {
  it("reads every envelope that travelled as JSON back to what was sent", () => {
    fc.assert(
      fc.property(rows, fc.constantFrom("upsert", "delete"), fc.nat(), (row, kind, attempt) => {
        const sent: Envelope = anEnvelope({ row, columns: "abc", kind, attempt, force: true, nonce: "page-1" });

        const travelled: unknown = JSON.parse(JSON.stringify(sent));

        expect(parseEnvelope(travelled)).toEqual(JSON.parse(JSON.stringify(sent)));
      }),
    );
  });

  it("reads an envelope that holds only what must be there", () => {
    const { version: _version, ...least } = anEnvelope();

    expect(parseEnvelope(least)).toEqual(least);
  });

  it("takes the id in any spelling and gives it in ours", () => {
    expect(parseEnvelope({ ...anEnvelope(), id: `{${recordId(10).toUpperCase()}}` }).id).toBe(recordId(10));
  });

  it.each([
    ["v", 2],
    ["table", ""],
    ["table", undefined],
    ["kind", "merge"],
    ["version", "1.5"],
    ["row", { nested: {} }],
    ["cause", "curiosity"],
    ["attempt", -1],
    ["attempt", "0"],
    ["occurredAt", "yesterday"],
    ["correlationId", undefined],
  ])("refuses a wrong %s as malformed and names it", (member, value) => {
    const body = { ...anEnvelope(), [member]: value };

    expect(() => parseEnvelope(body)).toThrow(
      expect.objectContaining({ kind: "malformed", message: expect.stringContaining(member) }),
    );
  });

  it("refuses an id that is no GUID as malformed", () => {
    expect(() => parseEnvelope({ ...anEnvelope(), id: "7" })).toThrow(expect.objectContaining({ kind: "malformed" }));
  });

  it.each([undefined, null, "text", 7, [], {}])("refuses the body %j as malformed", (body) => {
    expect(() => parseEnvelope(body)).toThrow(expect.objectContaining({ kind: "malformed" }));
  });

  it("does not repeat a value of the body in its message", () => {
    const body = { ...anEnvelope(), row: { lastname: { planted: "Planted-Name" } } };

    expect(() => parseEnvelope(body)).toThrow(/^(?!.*Planted)/);
  });
});

describe("fitEnvelope", () => {
  it("leaves an envelope alone that fits", () => {
    const envelope = anEnvelope({ row: { lastname: "Example" }, columns: "abc" });

    expect(fitEnvelope(envelope)).toBe(envelope);
  });

  it("leaves out row and column set together when the envelope has more bytes than may travel, and keeps the rest", () => {
    const envelope = anEnvelope({ row: { lastname: "é".repeat(maxEnvelopeBytes / 2) }, columns: "abc" });

    expect(fitEnvelope(envelope)).toEqual(anEnvelope());
  });

  it("never changes its input", () => {
    const envelope = Object.freeze(anEnvelope({ row: { lastname: "x".repeat(maxEnvelopeBytes) }, columns: "abc" }));

    fitEnvelope(envelope);

    expect(envelope.columns).toBe("abc");
  });
});

describe("messageIdOf", () => {
  it("is the same for the same news sent again later under another correlation", () => {
    const again = anEnvelope({ correlationId: "correlation-2", occurredAt: "2026-03-01T11:00:00Z", row: { a: 1 } });

    expect(messageIdOf(again)).toBe(messageIdOf(anEnvelope()));
  });

  it.each<[string, Partial<Envelope>]>([
    ["cause", { cause: "sweep" }],
    ["table", { table: "account" }],
    ["id", { id: recordId(2) }],
    ["kind", { kind: "delete" }],
    ["version", { version: version(1002) }],
    ["missing version", { version: undefined }],
    ["attempt", { attempt: 1 }],
    ["nonce", { nonce: "page-2" }],
  ])("differs for another %s", (_what, changes) => {
    expect(messageIdOf(anEnvelope(changes))).not.toBe(messageIdOf(anEnvelope()));
  });

  it("is short enough for Service Bus (128 characters)", () => {
    expect(messageIdOf(anEnvelope())).toMatch(/^[0-9a-f]{40}$/);
  });
});
