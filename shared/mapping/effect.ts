import type { ColumnFacts, ReadType } from "./column.js";
import { wantsLabel } from "./evaluate.js";
import { columnSourcesOf } from "./source.js";
import type { TableMapping } from "./table-mapping.js";

/**
 * What is known of the columns, as far as it decides what a row becomes: how each one that is read is read, and the labels that some field wants.
 * Lengths, targets and labels that nobody wants are left out, so that filling them in from the metadata makes no record look changed.
 */
export function columnsInEffect(
  { fields, picklists }: TableMapping,
  columns: Readonly<Record<string, ReadType>>,
  facts: ReadonlyMap<string, ColumnFacts>,
): readonly unknown[] {
  const sources = fields.flatMap(({ source }) => columnSourcesOf(source));
  return Object.entries(columns)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, readType]) => {
      const known = facts.get(name);
      const wanted = sources.some((source) => source.column === name && wantsLabel(source, known, picklists));
      return [name, readType, wanted && known?.labels ? [...known.labels].sort(([a], [b]) => a - b) : []];
    });
}
