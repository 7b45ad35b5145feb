import { describe, expect, it } from "vitest";
import { longestRecord, readCsvRecords, separatorOf } from "../../../shared/sftp/csv-records.js";

function read(
  text: string,
  { columns, most = 100, isLast = true }: { columns?: number; most?: number; isLast?: boolean } = {},
) {
  const shape = columns === undefined ? { separator: "," } : { separator: ",", columns };
  return readCsvRecords(Buffer.from(text), shape, most, isLast);
}

describe("readCsvRecords", () => {
  it.each<[string, string, string[][]]>([
    [
      "fields",
      "a,b\nc,d\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "empty fields",
      ",\n,\n",
      [
        ["", ""],
        ["", ""],
      ],
    ],
    ["an empty line", "a\n\nb\n", [["a"], [], ["b"]]],
    [
      "Windows line ends",
      "a,b\r\nc,d\r\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "no end of the last line",
      "a,b\nc,d",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    ["a separator in quotes", '"a,b",c\n', [["a,b", "c"]]],
    ["a line feed in quotes", '"a\nb",c\n', [["a\nb", "c"]]],
    ["quotes in quotes", '"a""b","""",c\n', [['a"b', '"', "c"]]],
    ["an empty text in quotes", '"",b\n', [["", "b"]]],
    [
      "a quote inside a field",
      'a"b,c\nd,e\n',
      [
        ['a"b', "c"],
        ["d", "e"],
      ],
    ],
    ["letters of several bytes", "é,ü\n", [["é", "ü"]]],
  ])("reads %s", (_what, text, records) => {
    expect(read(text)).toEqual({ records, consumed: Buffer.byteLength(text) });
  });

  it("leaves a record that has not ended to the next piece", () => {
    expect(read("a,b\nc,", { isLast: false })).toEqual({ records: [["a", "b"]], consumed: 4 });
    expect(read('a,b\n"c\nd', { isLast: false })).toEqual({ records: [["a", "b"]], consumed: 4 });
  });

  it("reads no more records than asked for", () => {
    expect(read("a\nb\nc\n", { most: 2 })).toEqual({ records: [["a"], ["b"]], consumed: 4 });
  });

  it("makes a record whose quote is broken one field of its line, so that its neighbours are read", () => {
    const { records } = read('a,b\n"c,d\ne,f\ng,"h"\n', { columns: 2 });

    expect(records).toEqual([["a", "b"], ['"c,d'], ["e", "f"], ["g", "h"]]);
  });

  it("gets past a quote that never ends, however much follows", () => {
    const lines = "x,y\n".repeat(longestRecord);

    const { records, consumed } = read(`"a,b\n${lines}`, { columns: 2, most: 3, isLast: false });

    expect(records).toEqual([['"a,b'], ["x", "y"], ["x", "y"]]);
    expect(consumed).toBe(13);
  });

  it("gives the same records however the bytes are cut into pieces", () => {
    const text = 'a,"b\nc"\n"d ""e""",ü\n\nf,g';
    const whole = read(text, { columns: 2 }).records;
    const bytes = Buffer.from(text);

    for (let length = 8; length <= bytes.length; length += 1) {
      const records: string[][] = [];
      for (let from = 0, size = length; from < bytes.length; ) {
        const isLast = from + size >= bytes.length;
        const piece = readCsvRecords(bytes.subarray(from, from + size), { separator: ",", columns: 2 }, 1, isLast);
        records.push(...piece.records);
        from += piece.consumed;
        size = piece.consumed === 0 ? size + 1 : length;
      }
      expect(records).toEqual(whole);
    }
  });
});

describe("separatorOf", () => {
  it.each([
    ["a,b,c", ","],
    ["a;b;c", ";"],
    ["a\tb", "\t"],
    ["a|b", "|"],
    ["a", ","],
    ["a;b,c;d", ";"],
  ])("finds it in %j", (header, separator) => {
    expect(separatorOf(header)).toBe(separator);
  });
});
