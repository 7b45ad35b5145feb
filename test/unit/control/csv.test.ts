import { describe, expect, it } from "vitest";
import { toCsv } from "../../../shared/control/csv.js";

describe("a table as CSV", () => {
  it("has every field in quotes, quotes doubled, and lines ended by CRLF", () => {
    const csv = toCsv([
      ["a", "b"],
      ['say "no"', 7],
      ["two\r\nlines", "comma, here"],
    ]);

    expect(csv).toBe('"a","b"\r\n"say ""no""","7"\r\n"two\r\nlines","comma, here"\r\n');
  });

  it.each(["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])("does not let a spreadsheet run %j", (text) => {
    expect(toCsv([[text]])).toBe(`"'${text}"\r\n`);
  });

  it("leaves negative numbers numbers", () => {
    expect(toCsv([[-1]])).toBe('"-1"\r\n');
  });
});
