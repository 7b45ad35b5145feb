import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareVersions, parseRecordId, parseRowVersion } from "../../../shared/model/ids.js";
import { version } from "../../support/samples.js";

const guid = "0f8fad5b-d9cb-469f-a165-70867728950e";

describe("parseRecordId", () => {
  it.each([guid, guid.toUpperCase(), `{${guid}}`, ` {${guid.toUpperCase()}} `])("reads the spelling %j", (text) => {
    expect(parseRecordId(text)).toBe(guid);
  });

  it.each([
    "",
    "contact",
    guid.slice(1),
    `${guid}0`,
    guid.replaceAll("-", ""),
    `${guid}' or 1 eq 1`,
    7,
    null,
    undefined,
    {},
  ])("refuses %j as malformed", (value) => {
    expect(() => parseRecordId(value)).toThrow(expect.objectContaining({ kind: "malformed" }));
  });

  it("does not repeat what it refused in its message", () => {
    expect(() => parseRecordId("ada@example.com")).toThrow(/^(?!.*ada)/);
  });

  it("reads every GUID back to itself", () => {
    fc.assert(fc.property(fc.uuid(), (id) => parseRecordId(`{${id.toUpperCase()}}`) === id));
  });
});

describe("parseRowVersion", () => {
  it.each([
    [1234567, "1234567"],
    ["1234567", "1234567"],
    ['W/"1234567"', "1234567"],
    ["0", "0"],
  ])("reads %j as %s", (value, expected) => {
    expect(parseRowVersion(value)).toBe(expected);
  });

  it.each(["", "*", "-1", "1.5", 1.5, -1, 1e30, Number.NaN, null, undefined, {}, "W/abc", "123456789012345678901"])(
    "finds none in %j",
    (value) => {
      expect(parseRowVersion(value)).toBeUndefined();
    },
  );
});

describe("compareVersions", () => {
  it("orders versions by size and not by text, also beyond the integers a number can hold", () => {
    expect(compareVersions(version(9), version(10))).toBeLessThan(0);
    expect(compareVersions(version(10), version(9))).toBeGreaterThan(0);
    expect(compareVersions(version(9007199254740993n), version(9007199254740992n))).toBeGreaterThan(0);
    expect(compareVersions(version(7), version(7))).toBe(0);
  });

  it("agrees with the order of the numbers for any two versions", () => {
    const any = fc.bigInt(0n, 2n ** 64n - 1n);
    fc.assert(
      fc.property(
        any,
        any,
        (a, b) => Math.sign(compareVersions(version(a), version(b))) === (a < b ? -1 : a > b ? 1 : 0),
      ),
    );
  });
});
