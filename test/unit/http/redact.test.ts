import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redact } from "../../../shared/http/redact.js";

describe("redact", () => {
  it.each([
    ["Duplicate key for ada.lovelace@example.com in profile", "Duplicate key for … in profile"],
    ["Duplicate key for ada.o'neill@example.com", "Duplicate key for …"],
    ["Values 'ada@example.com' and 'Ada' are taken", "Values '…' and '…' are taken"],
    ["Value 'Ada' is not valid", "Value '…' is not valid"],
    ['Value "Ada" is not valid', "Value '…' is not valid"],
    ["Key (email)=(ada) already exists", "Key (email)=(…) already exists"],
    ["two\n\nlines\tand tabs", "two lines and tabs"],
  ])("turns %j into %j", (text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  it("leaves a vendor's own words and codes", () => {
    const text = "RST-360011 An error has occurred - please contact your administrator.";

    expect(redact(text)).toBe(text);
  });

  it("never answers more than 300 characters", () => {
    fc.assert(fc.property(fc.string({ maxLength: 1_000 }), (text) => redact(text).length <= 300));
  });

  it("lets no e-mail address through wherever it stands", () => {
    fc.assert(
      fc.property(fc.string(), fc.emailAddress(), fc.string(), (before, address, after) => {
        const found = redact(`${before} ${address} ${after}`).includes(address);

        expect(found).toBe(false);
      }),
    );
  });
});
