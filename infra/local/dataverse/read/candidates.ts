// Which rows a filter can only be about, from the indexes: so that a read by many ids does not walk a million rows.
import type { Table } from "../model/table.js";
import type { Expression, Literal } from "../odata/expression.js";
import type { Database } from "../store/database.js";

const MAX_IDS = 20_000;

const asId = (literal: Literal): string | undefined =>
  (literal.type === "guid" || literal.type === "string") && typeof literal.value === "string"
    ? literal.value.toLowerCase()
    : undefined;

const byColumn = (
  name: string,
  ids: (string | undefined)[],
  table: Table,
  database: Database,
): Set<string> | undefined => {
  if (ids.some((id) => id === undefined)) return undefined;
  const known = ids.filter((id): id is string => id !== undefined);
  if (name === table.primaryId) return new Set(known);
  const column = table.lookupByValueName(name);
  if (!column) return undefined;
  const found = new Set<string>();
  for (const id of known) {
    const referencing = database.rows(table.name).referencing(column.name, id);
    if (!referencing) return undefined;
    for (const row of referencing) found.add(row);
  }
  return found;
};

/** Ids among which all rows are that can pass the filter; undefined when every row may. */
export function findCandidates(expression: Expression, table: Table, database: Database): Set<string> | undefined {
  switch (expression.kind) {
    case "and":
      return findCandidates(expression.left, table, database) ?? findCandidates(expression.right, table, database);
    case "or": {
      const left = findCandidates(expression.left, table, database);
      const right = left && findCandidates(expression.right, table, database);
      if (!left || !right || left.size + right.size > MAX_IDS) return undefined;
      for (const id of right) left.add(id);
      return left;
    }
    case "compare": {
      const { left, right, operator } = expression;
      if (operator !== "eq" || left.kind !== "path" || left.segments.length !== 1 || right.kind !== "literal")
        return undefined;
      return byColumn(left.segments[0] ?? "", [asId(right)], table, database);
    }
    case "function": {
      const name = expression.args.get("PropertyName");
      const values = expression.args.get("PropertyValues");
      if (expression.name !== "In" || !name || Array.isArray(name) || !Array.isArray(values)) return undefined;
      return byColumn(String(name.value), values.map(asId), table, database);
    }
    default:
      return undefined;
  }
}
