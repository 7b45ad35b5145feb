import { describe, expect, it } from "vitest";
import { fingerprintsOf } from "../../../shared/mapping/fingerprint.js";
import { aField, aMappingDocument, compiled } from "../../support/mappings.js";

const mapping = compiled(aMappingDocument());
const mapped = {
  always: { lastName: "Example", firstName: "Ada" },
  insertOnly: { email: "ada@example.com" },
  warnings: [],
};
const prints = fingerprintsOf(mapping, "key-1", mapped, "test-key");

describe("fingerprintsOf", () => {
  it("is the same for the same fields in another order", () => {
    const turned = { ...mapped, always: { firstName: "Ada", lastName: "Example" } };

    expect(fingerprintsOf(mapping, "key-1", turned, "test-key")).toEqual(prints);
  });

  it("does not depend on warnings", () => {
    expect(fingerprintsOf(mapping, "key-1", { ...mapped, warnings: ["x"] }, "test-key")).toEqual(prints);
  });

  it("moves only the half whose fields moved", () => {
    const moved = fingerprintsOf(mapping, "key-1", { ...mapped, always: { lastName: "Other" } }, "test-key");

    expect(moved.always).not.toBe(prints.always);
    expect(moved.insertOnly).toBe(prints.insertOnly);
  });

  it("tells empty text, 0, false and their spellings as text apart", () => {
    const values = ["", 0, false, "0", "false"];

    const all = values.map(
      (lastName) => fingerprintsOf(mapping, "k", { ...mapped, always: { lastName } }, "test-key").always,
    );

    expect(new Set(all).size).toBe(values.length);
  });

  it.each([
    ["record key", () => fingerprintsOf(mapping, "key-2", mapped, "test-key")],
    ["secret", () => fingerprintsOf(mapping, "key-1", mapped, "other-key")],
    [
      "resource",
      () =>
        fingerprintsOf(
          { ...mapping, resource: { api: "customResources", name: "cusPerson" } },
          "key-1",
          mapped,
          "test-key",
        ),
    ],
  ])("differs in both halves under another %s", (_what, other) => {
    expect(other().always).not.toBe(prints.always);
    expect(other().insertOnly).not.toBe(prints.insertOnly);
  });

  it("is the same under another mapping that comes to the same fields and values", () => {
    const other = compiled(aMappingDocument([aField({ maxLength: 9 })]));

    expect(fingerprintsOf(other, "key-1", mapped, "test-key")).toEqual(prints);
  });

  it("shows nothing of a value", () => {
    expect(JSON.stringify(prints)).not.toMatch(/Example|Ada|ada/);
  });
});
