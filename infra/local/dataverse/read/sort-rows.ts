import type { Comparable, Resolver } from "../odata/compile.js";
import type { QueryOptions } from "../odata/query-options.js";
import type { Row } from "../store/row-store.js";

/** The values a row is sorted by, its id last, so that the order is total. */
export type SortKey = Comparable[];

/** Compiles `$orderby` to a sort key and an order of keys. Null comes first when ascending. */
export function makeSort(orderBy: QueryOptions["orderBy"], resolver: Resolver<Row>, primaryId: string) {
  const operands = orderBy.map(({ segments, descending }) => ({
    get: resolver.operand(segments).get,
    sign: descending ? -1 : 1,
  }));
  const keyOf = (row: Row): SortKey => [...operands.map(({ get }) => get(row)), String(row[primaryId])];
  const compare = (a: SortKey, b: SortKey): number => {
    for (let index = 0; index < a.length; index += 1) {
      const left = a[index] ?? null;
      const right = b[index] ?? null;
      if (left === right) continue;
      const order = left === null ? -1 : right === null ? 1 : left < right ? -1 : 1;
      return order * (operands[index]?.sign ?? 1);
    }
    return 0;
  };
  return { keyOf, compare };
}

/** Rows in the order of `$orderby`. */
export function sortRows(
  rows: readonly Row[],
  orderBy: QueryOptions["orderBy"],
  resolver: Resolver<Row>,
  primaryId: string,
): Row[] {
  const { keyOf, compare } = makeSort(orderBy, resolver, primaryId);
  return rows
    .map((row) => ({ row, key: keyOf(row) }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ row }) => row);
}
