// Which other records a row depends on, and a mapped row without one of its links. Pure; who waits how long is a flow's business.

import { parseRecordId, type RecordId } from "../model/ids.js";
import type { Row } from "../model/row.js";
import { type ColumnFacts, needsType, typeCell } from "./column.js";
import { linkColumn } from "./field.js";
import type { FieldMapping, Link } from "./table-mapping.js";

/**
 * A record this one is linked to. `mustExist`: it has to be in Campaign first, because the link is by key or the cardinality 1. `field` is the
 * target that links, to be unlinked when a filter keeps the parent out and `whenFilteredOut` says so.
 */
export interface Parent {
  table: string;
  id: RecordId;
  mustExist: boolean;
  field: string;
  whenFilteredOut: "unlinked" | "withheld";
}

/** Must the parent be written first? A specific join of cardinality 0..1 resolves by itself whenever the parent comes. */
export function mustExist({ by, cardinality }: Link): boolean {
  return by === "key" || cardinality === "1";
}

/** Makes ready whether a row lacks a parent that Campaign hides it without: a link of cardinality 1 whose lookup is empty, or points elsewhere. */
export function compileLacksParent(
  fields: readonly FieldMapping[],
  parents: (row: Row) => readonly Parent[],
): (row: Row) => boolean {
  const needed = fields.flatMap(({ link, target }) => (link?.cardinality === "1" ? [target] : []));
  if (needed.length === 0) return () => false;
  return (row) => {
    const linked = new Set(parents(row).map(({ field }) => field));
    return needed.some((target) => !linked.has(target));
  };
}

/** Makes the links of a valid mapping ready. The result throws MalformedError on a row whose lookup holds no GUID. */
export function compileParents(
  fields: readonly FieldMapping[],
  columns: ReadonlyMap<string, ColumnFacts>,
): (row: Row) => readonly Parent[] {
  const links = fields.flatMap(({ link, ...field }) => {
    const column = linkColumn({ ...field, link })?.column;
    const facts = column === undefined ? undefined : columns.get(column);
    if (!link || column === undefined || !facts) return [];
    const parent = {
      table: link.table,
      mustExist: mustExist(link),
      field: field.target,
      whenFilteredOut: link.whenParentFilteredOut ?? (link.cardinality === "1" ? "withheld" : "unlinked"),
    } as const;
    return [{ column, type: needsType(facts, link.table) ? typeCell(column) : undefined, parent }];
  });
  return (row) =>
    links.flatMap(({ column, type, parent }) => {
      const id = row[column] ?? null;
      if (id === null || (type !== undefined && row[type] !== parent.table)) return [];
      return [{ ...parent, id: parseRecordId(id) }];
    });
}
