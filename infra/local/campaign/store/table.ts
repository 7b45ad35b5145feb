// The records of one resource in memory, with the indexes that calls turned out to need. No rules of Campaign here.

import { makeOrderedIndex, type OrderedIndex, type SortValue } from "./ordered-index.js";

/** A stored value: text, number (instants as milliseconds, links as the target's id), boolean. Empty values are not stored. */
export type Value = string | number | boolean;

/** The values of one record by dotted path. Never changed in place. */
export type Values = Readonly<Record<string, Value>>;

/** The records of one resource. Indexes are built at their first use and kept from then on. */
export interface Table {
  readonly size: number;
  get(id: number): Values | undefined;
  /** Stores `values` under `id`, or under the next free id. */
  put(values: Values, id?: number): number;
  remove(id: number): void;
  ids(): IterableIterator<number>;
  /** Ids whose `paths` hold exactly `values`; a record with any of them empty is found by no look-up. */
  find(paths: readonly string[], values: readonly Value[]): Iterable<number>;
  /** Order by `path` (or by `id`), `sortValue` telling what a record without the value sorts as. */
  ordered(path: string, sortValue: (value: Value | undefined) => SortValue): OrderedIndex;
  /** Ids given out so far; `reserve` makes ids up to `id` count as used. */
  reserve(id: number): void;
  readonly lastId: number;
}

interface HashIndex {
  paths: readonly string[];
  entries: Map<string | Value, number | Set<number>>;
}

function hashKey(values: Values, paths: readonly string[]): string | Value | undefined {
  const first = paths[0];
  if (paths.length === 1 && first !== undefined) return values[first];
  const parts = paths.map((path) => values[path]);
  return parts.includes(undefined) ? undefined : JSON.stringify(parts);
}

function hashAdd({ paths, entries }: HashIndex, id: number, values: Values): void {
  const key = hashKey(values, paths);
  if (key === undefined) return;
  const there = entries.get(key);
  if (there === undefined) entries.set(key, id);
  else if (typeof there === "number") entries.set(key, new Set([there, id]));
  else there.add(id);
}

function hashRemove({ paths, entries }: HashIndex, id: number, values: Values): void {
  const key = hashKey(values, paths);
  if (key === undefined) return;
  const there = entries.get(key);
  if (there instanceof Set) {
    there.delete(id);
    if (there.size === 0) entries.delete(key);
  } else if (there === id) entries.delete(key);
}

/** Makes an empty table. */
export function makeTable(): Table {
  const records = new Map<number, Values>();
  const hashes = new Map<string, HashIndex>();
  const orders = new Map<string, OrderedIndex>();
  let lastId = 0;

  function unindex(id: number): void {
    const values = records.get(id);
    if (values === undefined) return;
    for (const hash of hashes.values()) hashRemove(hash, id, values);
    for (const order of orders.values()) order.remove(id);
  }

  return {
    get size() {
      return records.size;
    },
    get lastId() {
      return lastId;
    },
    get: (id) => records.get(id),
    put(values, given) {
      const id = given ?? lastId + 1;
      lastId = Math.max(lastId, id);
      unindex(id);
      records.set(id, values);
      for (const hash of hashes.values()) hashAdd(hash, id, values);
      for (const order of orders.values()) order.add(id);
      return id;
    },
    remove(id) {
      unindex(id);
      records.delete(id);
    },
    ids: () => records.keys(),
    find(paths, values) {
      const name = paths.join();
      let hash = hashes.get(name);
      if (hash === undefined) {
        hash = { paths, entries: new Map() };
        for (const [id, record] of records) hashAdd(hash, id, record);
        hashes.set(name, hash);
      }
      const there = hash.entries.get(paths.length === 1 ? (values[0] ?? "") : JSON.stringify(values));
      if (there === undefined) return [];
      return typeof there === "number" ? [there] : there;
    },
    ordered(path, sortValue) {
      let order = orders.get(path);
      if (order === undefined) {
        order = makeOrderedIndex(path === "id" ? (id) => id : (id) => sortValue(records.get(id)?.[path]));
        for (const id of records.keys()) order.add(id);
        orders.set(path, order);
      }
      return order;
    },
    reserve(id) {
      lastId = Math.max(lastId, id);
    },
  };
}
