// The rows of one table in memory, with every index a read or write needs. Rows are immutable: a change is another row.
import type { Reference, Value } from "../model/column.js";
import type { AlternateKey, Table } from "../model/table.js";
import { makeOrderedIds, type OrderedIds } from "./ordered-ids.js";
import { makeVersionLog, type VersionLog } from "./version-log.js";

/**
 * One row: values by column name, the id and `versionnumber` among them. A column that is not there has its default, or null;
 * that keeps a million rows small.
 */
export type Row = Readonly<Record<string, Value | undefined>> & { readonly versionnumber: number };

/** Tables that nearly every row points at: no index of who does. */
const EVERYWHERE = new Set(["systemuser", "businessunit", "transactioncurrency", "team", "organization"]);

/** The rows of one table. */
export interface RowStore {
  readonly size: number;
  get(id: string): Row | undefined;
  /** Replaces or (without a row) removes; `version` is that of the removal. */
  set(id: string, row: Row | undefined, version: number): void;
  /** Puts back what was before, for a rollback. */
  restore(id: string, row: Row | undefined, tombstone: number | undefined): void;
  all(): IterableIterator<Row>;
  /** By id, above `id`. */
  after(id?: string): Generator<Row>;
  changedSince(version: number): Generator<Row>;
  deletedSince(version: number): Generator<{ id: string; version: number }>;
  tombstone(id: string): number | undefined;
  /** Ids of rows whose lookup `column` names `id`; undefined when that lookup is not indexed. */
  referencing(column: string, id: string): ReadonlySet<string> | undefined;
  /** Id of the row with these key values; undefined when there is none. */
  byKey(key: AlternateKey, values: readonly Value[]): string | undefined;
  /** Follows a changed table definition. */
  redefine(table: Table): void;
  truncate(version: number): void;
  tidy(): void;
}

/** The value a row has for a column, its default included. */
export const readValue = (table: Table, row: Row, name: string): Value => {
  const value = row[name];
  return value !== undefined ? value : (table.column(name)?.default ?? null);
};

const isReference = (value: Value | undefined): value is Reference =>
  typeof value === "object" && value !== null && "id" in value;

const toKeyText = (values: readonly Value[]): string | undefined => {
  // Rows with an empty key column are outside the key.
  if (values.some((value) => value === null)) return undefined;
  return values.map((value) => (isReference(value) ? value.id : String(value).trimEnd().toLowerCase())).join("\u0000");
};

/** Makes an empty store. */
export function makeRowStore(initialTable: Table): RowStore {
  let table = initialTable;
  const rows = new Map<string, Row>();
  const ordered: OrderedIds = makeOrderedIds();
  const tombstones = new Map<string, number>();
  const log: VersionLog = makeVersionLog(
    (id) => rows.get(id)?.versionnumber,
    () => rows.size,
  );
  const deletions: VersionLog = makeVersionLog(
    (id) => tombstones.get(id),
    () => tombstones.size,
  );
  let references = new Map<string, Map<string, Set<string>>>();
  let keys = new Map<string, Map<string, string>>();

  const indexedLookups = (): string[] =>
    table.lookups
      .filter(({ targets }) => targets?.some((target) => !EVERYWHERE.has(target.table)))
      .map(({ name }) => name);
  let lookups = indexedLookups();

  const keyText = (key: AlternateKey, row: Row): string | undefined =>
    toKeyText(key.columns.map((column) => readValue(table, row, column)));

  const index = (id: string, row: Row): void => {
    for (const name of lookups) {
      const value = row[name];
      if (!isReference(value)) continue;
      const byTarget = references.get(name) ?? new Map<string, Set<string>>();
      references.set(name, byTarget);
      const ids = byTarget.get(value.id);
      if (ids) ids.add(id);
      else byTarget.set(value.id, new Set([id]));
    }
    for (const key of table.keys) {
      const text = key.active ? keyText(key, row) : undefined;
      if (text === undefined) continue;
      const ids = keys.get(key.name) ?? new Map<string, string>();
      keys.set(key.name, ids);
      ids.set(text, id);
    }
  };

  const unindex = (id: string, row: Row): void => {
    for (const name of lookups) {
      const value = row[name];
      if (!isReference(value)) continue;
      const ids = references.get(name)?.get(value.id);
      ids?.delete(id);
      if (ids?.size === 0) references.get(name)?.delete(value.id);
    }
    for (const key of table.keys) {
      const text = key.active ? keyText(key, row) : undefined;
      if (text !== undefined && keys.get(key.name)?.get(text) === id) keys.get(key.name)?.delete(text);
    }
  };

  const replace = (id: string, row: Row | undefined): void => {
    const before = rows.get(id);
    if (before) unindex(id, before);
    if (row) {
      rows.set(id, row);
      if (!before) ordered.add(id);
      index(id, row);
    } else if (before) {
      rows.delete(id);
      ordered.remove(id);
    }
  };

  return {
    get size() {
      return rows.size;
    },
    get: (id) => rows.get(id),
    set(id, row, version) {
      const isSameVersion = row !== undefined && rows.get(id)?.versionnumber === version;
      replace(id, row);
      if (row) {
        tombstones.delete(id);
        // A removed column takes its values along without giving the rows new versions.
        if (!isSameVersion) log.append(version, id);
      } else {
        tombstones.set(id, version);
        deletions.append(version, id);
      }
    },
    restore(id, row, tombstone) {
      replace(id, row);
      if (tombstone === undefined) tombstones.delete(id);
      else tombstones.set(id, tombstone);
    },
    all: () => rows.values(),
    *after(id) {
      for (const next of ordered.after(id)) {
        const row = rows.get(next);
        if (row) yield row;
      }
    },
    *changedSince(version) {
      for (const { id } of log.since(version)) {
        const row = rows.get(id);
        if (row) yield row;
      }
    },
    deletedSince: (version) => deletions.since(version),
    tombstone: (id) => tombstones.get(id),
    referencing: (column, id) =>
      lookups.includes(column) ? (references.get(column)?.get(id) ?? new Set<string>()) : undefined,
    byKey(key, values) {
      const text = toKeyText(values);
      return text === undefined ? undefined : keys.get(key.name)?.get(text);
    },
    redefine(next) {
      table = next;
      lookups = indexedLookups();
      references = new Map();
      keys = new Map();
      for (const [id, row] of rows) index(id, row);
    },
    truncate(version) {
      log.truncate(version);
      deletions.truncate(version);
    },
    tidy() {
      log.tidy();
      deletions.tidy();
    },
  };
}
