const longestText = 300;

/**
 * A peer's error text made fit for a log or a failure row: quoted values, parenthesised values and e-mail addresses are taken
 * out (they can be a person's data), the rest is cut at 300 characters.
 */
export function redact(text: string): string {
  return text
    .replace(/[^\s"'<>()]+@[^\s"'<>()]+/g, "…")
    .replace(/'[^']*'|"[^"]*"/g, "'…'")
    .replace(/=\s*\([^)]*\)/g, "=(…)")
    .replace(/\s+/g, " ")
    .slice(0, longestText);
}
