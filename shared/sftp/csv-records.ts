// Delimited text, piece by piece, in bytes: where a record ends and what its fields are (RFC 4180, with the separators that Campaign's Extract file
// offers). Pure. What the columns mean is not known here.

const [quote, lineFeed, carriageReturn] = [0x22, 0x0a, 0x0d];

/** Records that `bytes` holds whole, and how many bytes they are. A record has no fields where its line is empty. */
export interface CsvPiece {
  records: string[][];
  consumed: number;
}

/** How a file is written. `columns`: a record of several lines that has another number of fields is a broken quote, and ends with its first line. */
export interface CsvShape {
  separator: string;
  columns?: number;
}

/** Longest record in bytes; a quote that never ends takes in no more. */
export const longestRecord = 64 * 1024;

/** Reads at most `most` records from the beginning of `bytes`. `isLast`: nothing follows, so that a last line needs no end. */
export function readCsvRecords(
  bytes: Buffer,
  { separator, columns }: CsvShape,
  most: number,
  isLast: boolean,
): CsvPiece {
  const records: string[][] = [];
  let consumed = 0;
  const fieldsUpTo = (end: number): string[] => fieldsOf(bytes.toString("utf8", consumed, end), separator);
  while (records.length < most && consumed < bytes.length) {
    const found = endOfRecord(bytes, consumed, separator.charCodeAt(0));
    if (found === -1 && !isLast && bytes.length - consumed <= longestRecord) break;
    const firstLine = orEnd(bytes.indexOf(lineFeed, consumed), bytes);
    let end = orEnd(found, bytes);
    let fields = fieldsUpTo(end);
    if (firstLine < end && (found === -1 || (columns !== undefined && fields.length !== columns))) {
      end = firstLine;
      fields = fieldsUpTo(end);
    }
    records.push(fields);
    consumed = Math.min(end + 1, bytes.length);
  }
  return { records, consumed };
}

function orEnd(position: number, bytes: Buffer): number {
  return position === -1 ? bytes.length : position;
}

/** Which of Campaign's separators a header uses: the one that is most often in it. */
export function separatorOf(header: string): string {
  const counted = [",", ";", "\t", "|"].map((separator) => ({ separator, count: header.split(separator).length }));
  return counted.reduce((best, other) => (other.count > best.count ? other : best)).separator;
}

/** Position of the line feed that ends the record; -1: it is not there. Line feeds inside quotes belong to a field; a quote opens only where a field begins. */
function endOfRecord(bytes: Buffer, from: number, separator: number): number {
  let [isQuoted, isStart] = [false, true];
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote && (isQuoted || isStart)) isQuoted = !isQuoted;
    else if (byte === quote && bytes[at - 1] === quote) isQuoted = true;
    else if (byte === lineFeed && !isQuoted) return at;
    isStart = !isQuoted && byte === separator;
  }
  return -1;
}

function fieldsOf(line: string, separator: string): string[] {
  const text = line.charCodeAt(line.length - 1) === carriageReturn ? line.slice(0, -1) : line;
  if (text === "") return [];
  const fields: string[] = [];
  let field = "";
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (isQuoted && character === '"' && text.charAt(at + 1) === '"') {
      field += '"';
      at += 1;
    } else if (character === '"' && (isQuoted || field === "")) isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      fields.push(field);
      field = "";
    } else field += character;
  }
  return [...fields, field];
}
