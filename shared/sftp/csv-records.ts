// Delimited text, piece by piece, in bytes: the records that a piece holds whole, and where the next piece begins. What a record's fields are is
// csv-parse's business, what the columns mean is not known here. Pure.

import { CsvError, parse } from "csv-parse/sync";

const lineFeed = 0x0a;

/** Whole records and how many bytes they are. An empty line has no fields; a line that is broken, as by a quote that never ends, is one field. */
export interface CsvPiece {
  records: string[][];
  consumed: number;
}

/** How a file is written. `columns`: a record of several lines that has another number of fields is a broken quote. */
export interface CsvShape {
  separator: string;
  columns?: number;
}

/** Longest record in bytes; a quote that never ends takes in no more. */
export const longestRecord = 64 * 1024;

/** Reads at most `most` records from the beginning of `bytes`. `isLast`: nothing follows, so that a last line needs no end. */
export function readCsvRecords(bytes: Buffer, shape: CsvShape, most: number, isLast: boolean): CsvPiece {
  const records: string[][] = [];
  let consumed = 0;
  while (records.length < most && consumed < bytes.length) {
    const rest = bytes.subarray(consumed);
    const whole = wholeRecords(rest, shape, most - records.length, isLast);
    if (whole.consumed === 0 && !isLast && rest.length <= longestRecord) break;
    // What comes next is no whole record, although all of it is there: its first line is, so that its neighbours are read.
    const next = whole.consumed === 0 ? brokenRecord(rest) : whole;
    records.push(...next.records);
    consumed += next.consumed;
  }
  return { records, consumed };
}

/** Which of Campaign's separators a header uses: the one that is most often in it. */
export function separatorOf(header: string): string {
  const counted = [",", ";", "\t", "|"].map((separator) => ({ separator, count: header.split(separator).length }));
  return counted.reduce((best, other) => (other.count > best.count ? other : best)).separator;
}

/** Ends the parser's run; nothing is wrong. */
const enough = new Error("enough");

/** Records up to the first that is not whole. */
function wholeRecords(bytes: Buffer, { separator, columns }: CsvShape, most: number, isLast: boolean): CsvPiece {
  const records: string[][] = [];
  let consumed = 0;
  const take = (fields: string[], end: number): null => {
    const hasEnd = bytes[end - 1] === lineFeed;
    const hasLines = bytes.subarray(consumed, end - 1).includes(lineFeed);
    const isBroken = hasLines && columns !== undefined && fields.length !== columns;
    if (isBroken || !(hasEnd || isLast)) throw enough;
    records.push(fields.length === 1 && fields[0] === "" ? [] : fields);
    consumed = end;
    if (records.length === most) throw enough;
    return null;
  };
  try {
    parse(bytes, {
      delimiter: separator,
      record_delimiter: ["\r\n", "\n"],
      relax_column_count: true,
      relax_quotes: true,
      max_record_size: longestRecord,
      on_record: (fields: string[], { bytes: end }) => take(fields, end),
    });
  } catch (error) {
    if (error !== enough && !(error instanceof CsvError)) throw error;
  }
  return { records, consumed };
}

/** The first line as a record of one field. */
function brokenRecord(bytes: Buffer): CsvPiece {
  const lineEnd = bytes.indexOf(lineFeed);
  const consumed = lineEnd === -1 ? bytes.length : lineEnd + 1;
  return { records: [[bytes.toString("utf8", 0, consumed).trimEnd()]], consumed };
}
