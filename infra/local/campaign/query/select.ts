// Which records answer a list call, in which order, from where: picks the cheapest index, never walks the whole table for a
// page unless the conditions match too little of the wanted order to do better.

import type { Instance, Row } from "../instance.js";
import type { Resource } from "../model/catalog.js";
import type { OrderedIndex, Place, SortValue } from "../store/ordered-index.js";
import type { Table, Value } from "../store/table.js";
import { isVisible } from "../wire/links.js";
import type { Cursor } from "../wire/opaque-keys.js";
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

/** A part of an index, or a list of its own; both in ascending order. */
type Source = { index: OrderedIndex; low: number; high: number } | { ids: number[] };

interface Candidates {
  count: number;
  ids(): Iterable<number>;
  /** Set when the candidates are a stretch of the index on this path. */
  stretch?: { path: string; low: number; high: number };
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
function stretchOf(table: Table, resource: Resource, path: string, condition: Condition) {
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

function* take(index: OrderedIndex, low: number, high: number): Generator<number> {
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

function equalityOf(table: Table, condition: Condition): Iterable<number> | undefined {
  const [only] = condition.fields;
  const isStored = condition.value !== "" && condition.value !== 0 && condition.value !== false;
  if (condition.operator !== "equal" || condition.fields.length !== 1 || !isStored || only === undefined)
    return undefined;
  return only.field.type === "enumeration" ? undefined : table.find([only.path], [condition.value]);
}

/** Matching records of a selection. */
export interface Matches {
  /** Rows after `cursor`, at most `limit`, and whether more follow. */
  page(cursor: Cursor | undefined, limit: number): { rows: Row[]; next: Cursor | undefined };
  count(): number;
}

/** Prepares a list call: nothing is read yet. */
export function select(instance: Instance, selection: Selection): Matches {
  const { resource, conditions, order, parent } = selection;
  const table = instance.store.table(resource.name);
  const sortValueAt = (id: number): SortValue => sortValue(table, resource, order.path, id);
  const mayBeHidden = resource.links.some((link) => link.cardinality === "1");

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
    let best: Candidates | undefined;
    for (const condition of conditions) {
      const candidates = candidatesOf(table, resource, condition);
      if (candidates.stretch?.path === order.path)
        return { index: indexOn(table, resource, order.path), ...candidates.stretch };
      if (best === undefined || candidates.count < best.count) best = candidates;
    }
    const index = indexOn(table, resource, order.path);
    // Few candidates: sort them. Many: walking the wanted order meets one soon.
    const walked = best === undefined ? 0 : (limit * table.size) / Math.max(1, best.count);
    if (best !== undefined && best.count * Math.log2(best.count + 2) < walked * 4) return sorted(best.ids());
    return { index, low: 0, high: index.size };
  }

  /** The place that a cursor stands at; text that was cut to fit is completed from the record, or pages may overlap. */
  function placeOf(cursor: Cursor): Place {
    const current = table.get(cursor.id) === undefined ? undefined : sortValueAt(cursor.id);
    if (typeof cursor.value !== "string" || typeof current !== "string") return cursor;
    if (current.startsWith(cursor.value)) return { value: current, id: cursor.id };
    return order.descending
      ? { value: `${cursor.value}\uffff`, id: Number.POSITIVE_INFINITY }
      : { value: cursor.value, id: Number.NEGATIVE_INFINITY };
  }

  function isAtOrBefore(id: number, place: Place): boolean {
    const value = sortValueAt(id);
    return value === place.value ? id <= place.id : value < place.value;
  }

  /** Ids in the wanted order from the cursor on; `skipped` of them must still be passed over. */
  function walk(from: Source, cursor: Cursor | undefined): { ids: Iterable<number>; skipped: number } {
    const byOffset = instance.settings.paging === "offset" && cursor !== undefined;
    const place = cursor === undefined || byOffset ? undefined : placeOf(cursor);
    const skipped = byOffset ? cursor.offset : 0;
    if ("ids" in from) {
      const ids = order.descending ? from.ids.toReversed() : from.ids;
      if (place === undefined) return { ids, skipped };
      const isBehind = (id: number): boolean =>
        order.descending ? isAtOrBefore(id, { ...place, id: place.id - 1 }) : !isAtOrBefore(id, place);
      const start = ids.findIndex(isBehind);
      return { ids: start < 0 ? [] : ids.slice(start), skipped };
    }
    return { ids: walkIndex(from, place), skipped };
  }

  function* walkIndex(
    { index, low, high }: { index: OrderedIndex; low: number; high: number },
    place: Place | undefined,
  ) {
    if (order.descending) {
      const end = place === undefined ? high : Math.min(high, index.rank(place));
      let left = end - low;
      if (left > 0)
        for (const id of index.from(end - 1, -1))
          if (left-- > 0) yield id;
          else return;
      return;
    }
    const start = place === undefined ? low : Math.max(low, index.rank({ ...place, id: place.id + 0.5 }));
    yield* take(index, start, high);
  }

  return {
    page(cursor, limit) {
      const { ids, skipped } = walk(source(limit), cursor);
      const rows: Row[] = [];
      let toSkip = skipped;
      for (const id of ids) {
        if (!matches(id)) continue;
        if (toSkip > 0) {
          toSkip -= 1;
          continue;
        }
        const last = rows.at(-1);
        if (rows.length === limit && last !== undefined) {
          return { rows, next: { offset: (cursor?.offset ?? 0) + limit, id: last.id, value: sortValueAt(last.id) } };
        }
        rows.push({ id, values: table.get(id) ?? {} });
      }
      return { rows, next: undefined };
    },
    count() {
      if (conditions.length === 0 && parent === undefined && !mayBeHidden) return table.size;
      const [only] = conditions;
      if (conditions.length === 1 && only !== undefined && parent === undefined && !mayBeHidden) {
        const candidates = candidatesOf(table, resource, only);
        if (candidates.stretch !== undefined) return candidates.count;
      }
      const from = source(table.size);
      if ("ids" in from) return from.ids.length;
      let count = 0;
      for (const id of take(from.index, from.low, from.high)) if (matches(id)) count += 1;
      return count;
    },
  };
}
