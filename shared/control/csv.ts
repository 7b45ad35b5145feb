/**
 * Rows as CSV (RFC 4180): every field quoted, quotes doubled, lines ended by CRLF. Text that a spreadsheet would run as a formula gets an apostrophe
 * in front: messages hold what other systems said.
 */
export function toCsv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(toField).join(",")}\r\n`).join("");
}

function toField(value: string | number): string {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return `"${text.replaceAll('"', '""')}"`;
}
