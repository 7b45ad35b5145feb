// Where a list call's rows come from: picks the cheapest index, and never walks the whole table for a page unless the conditions
// match too little of the wanted order to do better. Pages are cut in select.ts.

import type { Instance } from "../instance.js";
import type { Resource } from "../model/catalog.js";
import type { OrderedIndex, SortValue } from "../store/ordered-index.js";
import type { Table, Value } from "../store/table.js";
import { isVisible } from "../wire/links.js";
import { sortValueOf } from "../wire/values.js";
import { type Condition, meets } from "./conditions.js";

/** Order of a list: `id` (order of creation) where none was asked for. */
export interface Order {
  path: string;
  descending: boolean;
}

/** What a list call asks for. `parent` narrows it to the rows of a collection. */
export interface Selection {
  resource: Resource;
  conditions: Condition[];
  order: Order;
  parent?: { path: string; value: Value };
}

/** The positions `low` to `high` of an index, the last excluded. */
export interface IndexStretch {
  index: OrderedIndex;
  low: number;
  high: number;
}

/** A stretch of an index, or a list of its own; both in ascending order. */
export type Source = IndexStretch | { ids: number[] };

interface Candidates {
  count: number;
  ids(): Iterable<number>;
  /** Set when the candidates are a stretch of the index on this path. */
  stretch?: IndexStretch & { path: string };
}

function indexOn(table: Table, resource: Resource, path: string): OrderedIndex {
  const field = resource.field(path);
  return table.ordered(path, (value) => (field === undefined ? 0 : sortValueOf(field, value)));
}

function sortValue(table: Table, resource: Resource, path: string, id: number): SortValue {
  if (path === "id") return id;
  const field = resource.field(path);
  return field === undefined ? 0 : sortValueOf(field, table.get(id)?.[path]);
}

/** Stretch of the index on `path` in which the condition holds. */
function stretchOf(table: Table, resource: Resource, path: string, condition: Condition): IndexStretch {
  const index = indexOn(table, resource, path);
  const { operator, value } = condition;
  const before = index.rank({ value, id: Number.NEGATIVE_INFINITY });
  const after = index.rank({ value, id: Number.POSITIVE_INFINITY });
  const end = index.size;
  // Surrogates sort below U+FFFF, which is no character: every text with the prefix is below prefix + U+FFFF.
  const afterPrefix = () => index.rank({ value: `${value}\uffff`, id: Number.POSITIVE_INFINITY });
  const bounds = {
    equal: [before, after],
    greater: [after, end],
    greaterOrEqual: [before, end],
    less: [0, before],
    lessOrEqual: [0, after],
    prefix: [before, operator === "prefix" ? afterPrefix() : 0],
  } as const;
  const [low, high] = bounds[operator];
  return { index, low, high };
}

/** Ids at the positions `low` to `high` of an index, the last excluded. */
export function* take(index: OrderedIndex, low: number, high: number): Generator<number> {
  let left = high - low;
  if (left <= 0) return;
  for (const id of index.from(low, 1)) {
    yield id;
    left -= 1;
    if (left === 0) return;
  }
}

function candidatesOf(table: Table, resource: Resource, condition: Condition): Candidates {
  const stretches = condition.fields.map(({ path }) => ({ path, ...stretchOf(table, resource, path, condition) }));
  const [only] = stretches;
  const count = stretches.reduce((sum, { low, high }) => sum + Math.max(0, high - low), 0);
  const ids = function* (): Generator<number> {
    for (const { index, low, high } of stretches) yield* take(index, low, high);
  };
  if (stretches.length === 1 && only !== undefined) return { count, ids, stretch: only };
  return { count, ids: () => new Set(ids()) };
}

/** Ids by hash, where the condition asks for one stored value of one field. */
function equalityOf(table: Table, { operator, fields, value }: Condition): Iterable<number> | undefined {
  const [only] = fields;
  const isStored = value !== "" && value !== 0 && value !== false;
  if (operator !== "equal" || fields.length !== 1 || only === undefined || !isStored) return undefined;
  return only.field.type === "enumeration" ? undefined : table.find([only.path], [value]);
}

/** A selection ready to be read: which ids to walk, which of them match, what they sort by. */
export interface Plan {
  matches(id: number): boolean;
  sortValueAt(id: number): SortValue;
  /** Ids to walk for a page of `limit` rows; in a list of its own every id matches already. */
  source(limit: number): Source;
  /** Number of matching records where an index knows it. */
  knownCount(): number | undefined;
}

/** Plans a selection: nothing is read yet. */
export function planSelection(instance: Instance, selection: Selection): Plan {
  const { resource, conditions, order, parent } = selection;
  const table = instance.store.table(resource.name);
  const mayBeHidden = resource.links.some((link) => link.cardinality === "1");
  const sortValueAt = (id: number): SortValue => sortValue(table, resource, order.path, id);

  function matches(id: number): boolean {
    const values = table.get(id);
    if (values === undefined || !conditions.every((condition) => meets(condition, values))) return false;
    if (parent !== undefined && values[parent.path] !== parent.value) return false;
    return !mayBeHidden || isVisible(instance, resource, values);
  }

  function sorted(ids: Iterable<number>): Source {
    const keyed = [...ids].filter(matches).map((id) => ({ id, value: sortValueAt(id) }));
    keyed.sort((a, b) => (a.value === b.value ? a.id - b.id : a.value < b.value ? -1 : 1));
    return { ids: keyed.map(({ id }) => id) };
  }

  function source(limit: number): Source {
    if (parent !== undefined) return sorted(table.find([parent.path], [parent.value]));
    for (const condition of conditions) {
      const found = equalityOf(table, condition);
      if (found !== undefined) return sorted(found);
    }
    const index = indexOn(table, resource, order.path);
    let best: Candidates | undefined;
    for (const condition of conditions) {
      const candidates = candidatesOf(table, resource, condition);
      if (candidates.stretch?.path === order.path) return candidates.stretch;
      if (best === undefined || candidates.count < best.count) best = candidates;
    }
    // Few candidates: sort them. Many: walking the wanted order meets one soon.
    const walked = best === undefined ? 0 : (limit * table.size) / Math.max(1, best.count);
    if (best !== undefined && best.count * Math.log2(best.count + 2) < walked * 4) return sorted(best.ids());
    return { index, low: 0, high: index.size };
  }

  return {
    matches,
    sortValueAt,
    source,
    knownCount() {
      if (parent !== undefined || mayBeHidden || conditions.length > 1) return undefined;
      const [only] = conditions;
      if (only === undefined) return table.size;
      const { stretch, count } = candidatesOf(table, resource, only);
      return stretch === undefined ? undefined : count;
    },
  };
}
