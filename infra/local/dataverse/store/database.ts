// All tables of the organisation, their one version counter, and transactions over them. What a write means is in ../write/.
import type { Reference, Value } from "../model/column.js";
import { makeTable, type Table, type TableDefinition } from "../model/table.js";
import type { Journal } from "./journal.js";
import { makeRowStore, type Row, type RowStore } from "./row-store.js";

/** What a transaction writes into the journal; `keep` and `drop` are for state outside tables (deliveries, settings). */
export type JournalOperation =
  | { op: "put"; t: string; r: Row }
  | { op: "remove"; t: string; id: string; v: number }
  | { op: "define"; d: TableDefinition }
  | { op: "undefine"; t: string }
  | { op: "keep"; kind: string; id: string; value: unknown }
  | { op: "drop"; kind: string; id: string };

/** A unit that happens or does not. `put` and `remove` take effect at once and are undone by `rollback`. */
export interface Transaction {
  nextVersion(): number;
  put(table: Table, row: Row): void;
  remove(table: Table, id: string): void;
  define(definition: TableDefinition): void;
  /** Removes a table with its rows. */
  undefine(table: string): void;
  keep(kind: string, id: string, value: unknown): void;
  drop(kind: string, id: string): void;
  /** Runs after the journal has it. */
  onCommit(run: () => void): void;
  commit(): void;
  rollback(): void;
}

/** The organisation's data. */
export interface Database {
  table(name: string): Table | undefined;
  tableOfSet(setName: string): Table | undefined;
  tables(): Table[];
  rows(table: string): RowStore;
  /** The last version given to anything. */
  version(): number;
  /** Changes whenever a row of the table does. */
  changesOf(table: string): number;
  /** Grows with every change of a definition. */
  schemaVersion(): number;
  begin(): Transaction;
  kept(kind: string): Map<string, unknown>;
  /** Takes one journal entry, at start. */
  apply(entry: unknown): void;
  /** Everything as journal entries, the shortest way. */
  dump(): Generator<JournalOperation[]>;
  clear(): void;
}

const FIRST_VERSION = 4_000_000;

/** Makes an empty database over a journal. One transaction at a time. */
export function makeDatabase(journal: Journal): Database {
  let version = FIRST_VERSION;
  let schemaVersion = 1;
  let tables = new Map<string, Table>();
  let sets = new Map<string, Table>();
  let stores = new Map<string, RowStore>();
  let keptKinds = new Map<string, Map<string, unknown>>();
  const changes = new Map<string, number>();
  const interned = new Map<string, Reference>();

  const noteChange = (table: string): void => {
    changes.set(table, (changes.get(table) ?? 0) + 1);
  };

  const rows = (name: string): RowStore => {
    const store = stores.get(name);
    if (!store) throw new Error(`no rows for table ${name}`);
    return store;
  };

  const define = (definition: TableDefinition): void => {
    const table = makeTable(definition);
    const before = tables.get(table.name);
    if (before) sets.delete(before.setName);
    tables.set(table.name, table);
    sets.set(table.setName, table);
    const store = stores.get(table.name);
    if (store) store.redefine(table);
    else stores.set(table.name, makeRowStore(table));
    schemaVersion += 1;
  };

  const undefine = (name: string): void => {
    const table = tables.get(name);
    if (table) sets.delete(table.setName);
    tables.delete(name);
    stores.delete(name);
    schemaVersion += 1;
  };

  const kept = (kind: string): Map<string, unknown> => {
    const values = keptKinds.get(kind) ?? new Map<string, unknown>();
    keptKinds.set(kind, values);
    return values;
  };

  // Owner, unit and currency of a million rows are three objects, not three million.
  const intern = (row: Row): Row => {
    const copy: Record<string, Value | undefined> = row;
    for (const name in row) {
      const value = row[name];
      if (typeof value !== "object" || value === null || !("id" in value)) continue;
      const known = interned.get(value.id);
      if (known && known.table === value.table) copy[name] = known;
      else if (interned.size < 10_000) interned.set(value.id, value);
    }
    return row;
  };

  const applyOne = (operation: JournalOperation): void => {
    switch (operation.op) {
      case "put": {
        const table = tables.get(operation.t);
        if (!table) return;
        version = Math.max(version, operation.r.versionnumber);
        noteChange(operation.t);
        rows(operation.t).set(String(operation.r[table.primaryId]), intern(operation.r), operation.r.versionnumber);
        return;
      }
      case "remove":
        version = Math.max(version, operation.v);
        noteChange(operation.t);
        if (stores.has(operation.t)) rows(operation.t).set(operation.id, undefined, operation.v);
        return;
      case "define":
        define(operation.d);
        return;
      case "undefine":
        undefine(operation.t);
        return;
      case "keep":
        kept(operation.kind).set(operation.id, operation.value);
        return;
      case "drop":
        kept(operation.kind).delete(operation.id);
    }
  };

  const begin = (): Transaction => {
    const firstVersion = version;
    const operations: JournalOperation[] = [];
    const undo: (() => void)[] = [];
    const committed: (() => void)[] = [];
    const touched = new Set<RowStore>();

    const change = (table: Table, id: string, row: Row | undefined, at: number): void => {
      const store = rows(table.name);
      const before = store.get(id);
      const tombstone = store.tombstone(id);
      undo.push(() => {
        store.restore(id, before, tombstone);
        noteChange(table.name);
      });
      noteChange(table.name);
      touched.add(store);
      store.set(id, row, at);
    };

    return {
      nextVersion() {
        version += 1;
        return version;
      },
      put(table, row) {
        change(table, String(row[table.primaryId]), row, row.versionnumber);
        operations.push({ op: "put", t: table.name, r: row });
      },
      remove(table, id) {
        version += 1;
        change(table, id, undefined, version);
        operations.push({ op: "remove", t: table.name, id, v: version });
      },
      define(definition) {
        const before = tables.get(definition.name);
        undo.push(() => (before ? define(before) : undefine(definition.name)));
        define(definition);
        operations.push({ op: "define", d: definition });
      },
      undefine(name) {
        const table = tables.get(name);
        const store = stores.get(name);
        undo.push(() => {
          if (!table || !store) return;
          stores.set(name, store);
          define(table);
        });
        undefine(name);
        operations.push({ op: "undefine", t: name });
      },
      keep(kind, id, value) {
        operations.push({ op: "keep", kind, id, value });
        committed.push(() => kept(kind).set(id, value));
      },
      drop(kind, id) {
        operations.push({ op: "drop", kind, id });
        committed.push(() => kept(kind).delete(id));
      },
      onCommit: (run) => committed.push(run),
      commit() {
        if (operations.length > 0) journal.append(operations);
        for (const store of touched) store.tidy();
        for (const run of committed) run();
      },
      rollback() {
        for (const run of undo.reverse()) run();
        for (const store of touched) store.truncate(firstVersion);
      },
    };
  };

  return {
    table: (name) => tables.get(name),
    tableOfSet: (setName) => sets.get(setName),
    tables: () => [...tables.values()],
    rows,
    version: () => version,
    changesOf: (table) => changes.get(table) ?? 0,
    schemaVersion: () => schemaVersion,
    begin,
    kept,
    apply: (entry) => {
      for (const operation of entry as JournalOperation[]) applyOne(operation);
    },
    *dump() {
      for (const table of tables.values()) yield [{ op: "define", d: stripTable(table) }];
      for (const table of tables.values()) {
        const store = rows(table.name);
        // In the order of versions, so that the log of changes comes back as it was.
        for (const row of store.changedSince(0)) yield [{ op: "put", t: table.name, r: row }];
        for (const { id, version: v } of store.deletedSince(0)) yield [{ op: "remove", t: table.name, id, v }];
      }
      for (const [kind, values] of keptKinds) {
        for (const [id, value] of values) yield [{ op: "keep", kind, id, value }];
      }
    },
    clear() {
      tables = new Map();
      sets = new Map();
      stores = new Map();
      keptKinds = new Map();
      version = FIRST_VERSION;
      schemaVersion += 1;
      for (const name of changes.keys()) noteChange(name);
    },
  };
}

/** The definition of a table without its indexes. */
export const stripTable = ({
  column: _c,
  lookupByValueName: _l,
  navigation: _n,
  readable: _r,
  lookups: _k,
  ...definition
}: Table): TableDefinition => definition;
