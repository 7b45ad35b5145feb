import type { TableMapping } from "./table-mapping.js";

/**
 * A mapping as it is stored: JSON in ASCII, everything else escaped, so that no store, and no stand-in of one, that reads its bytes piece by piece
 * can tear a character apart. What is for editors alone is left out.
 */
export function documentText(mapping: TableMapping): string {
  return JSON.stringify({ ...mapping, $schema: undefined }).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
