const longestText = 300;
/** Far more than is kept; bounds the work on a body of any size. */
const longestRead = 4_000;
/** An apostrophe may stand inside the local part (o'neill@…), but a leading one is a quotation mark. */
const address = /(?:[^\s"'<>()]+(?:'+[^\s"'<>()]+)*'*)?@[^\s"'<>()]+/g;

/**
 * A peer's error text made fit for a log or a failure row: quoted values, parenthesised values and e-mail addresses are taken
 * out (they can be a person's data), the rest is cut at 300 characters.
 */
export function redact(text: string): string {
  return text
    .slice(0, longestRead)
    .replace(address, "…")
    .replace(/'[^']*'|"[^"]*"/g, "'…'")
    .replace(/=\s*\([^)]*\)/g, "=(…)")
    .replace(/\s+/g, " ")
    .slice(0, longestText);
}
