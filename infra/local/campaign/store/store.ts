// All records of an instance, the writes that made them, and the journal in front. Every change goes through here.

import { type Journal, type JournalEntry, noJournal } from "./journal.js";
import { makeTable, type Table, type Values } from "./table.js";

/** One write as the API got it: `sha256` of the canonical body, so that tests see whether anything was written twice. */
export interface Write {
  method: string;
  sha256: string;
  at: string;
}

/** A change with the write that caused it; `key` names the record for the history, also after its deletion. */
export interface Cause extends Write {
  key: string;
}

/** Everything that survives a restart. */
export interface Store {
  table(resource: string): Table;
  /** Creates (no id) or replaces a record; without `cause` the change is nobody's write. */
  put(resource: string, values: Values, id?: number, cause?: Cause): number;
  remove(resource: string, id: number, cause?: Cause): void;
  /** Writes per record key of a resource, oldest first. */
  writes(resource: string): ReadonlyMap<string, readonly Write[]>;
  /** Named documents of the simulator itself (settings, for example). */
  document(name: string): unknown;
  saveDocument(name: string, value: unknown): void;
  /** Forgets everything and counts `generation` up, so that PKeys of before are unknown afterwards. */
  reset(): void;
  readonly generation: number;
  /** Gives back one journal entry at start. */
  replay(entry: JournalEntry): void;
  /** Attaches the journal once everything in it was replayed; rewrites it when most of it is history. */
  attach(journal: Journal): void;
}

/** Makes an empty store. `writesPerRecord` bounds the remembered writes of each record. */
export function makeStore(writesPerRecord: () => number): Store {
  let tables = new Map<string, Table>();
  let histories = new Map<string, Map<string, Write[]>>();
  let documents = new Map<string, unknown>();
  let generation = 1;
  let replayed = 0;
  let journal: Journal = noJournal;

  function table(resource: string): Table {
    let there = tables.get(resource);
    if (there === undefined) {
      there = makeTable();
      tables.set(resource, there);
    }
    return there;
  }

  function remember(resource: string, cause: Cause | undefined, limit = writesPerRecord()): void {
    if (cause === undefined || limit === 0) return;
    let history = histories.get(resource);
    if (history === undefined) {
      history = new Map();
      histories.set(resource, history);
    }
    const { key, ...write } = cause;
    const writes = history.get(key);
    if (writes === undefined) history.set(key, [write]);
    else {
      writes.push(write);
      if (writes.length > limit) writes.shift();
    }
  }

  /** Keeps the last `limit` writes of each record. */
  function forget(limit: number): void {
    for (const history of histories.values()) {
      for (const [key, writes] of history) {
        if (limit === 0) history.delete(key);
        else if (writes.length > limit) history.set(key, writes.slice(-limit));
      }
    }
  }

  function* snapshot(): Generator<JournalEntry> {
    yield { t: "start", generation };
    for (const [name, value] of documents) yield { t: "document", name, value };
    for (const [r, records] of tables) {
      yield { t: "reserve", r, i: records.lastId };
      for (const i of records.ids()) yield { t: "put", r, i, v: records.get(i) };
    }
    for (const [r, history] of histories) for (const [key, writes] of history) yield { t: "writes", r, key, writes };
  }

  function clear(next: number): void {
    tables = new Map();
    histories = new Map();
    documents = new Map();
    generation = next;
  }

  return {
    table,
    get generation() {
      return generation;
    },
    put(resource, values, id, cause) {
      const records = table(resource);
      const i = id ?? records.lastId + 1;
      journal.append({ t: "put", r: resource, i, v: values, ...(cause && { w: cause }) });
      records.put(values, i);
      remember(resource, cause);
      return i;
    },
    remove(resource, id, cause) {
      journal.append({ t: "remove", r: resource, i: id, ...(cause && { w: cause }) });
      table(resource).remove(id);
      remember(resource, cause);
    },
    writes: (resource) => histories.get(resource) ?? new Map(),
    document: (name) => documents.get(name),
    saveDocument(name, value) {
      journal.append({ t: "document", name, value });
      documents.set(name, value);
    },
    reset() {
      clear(generation + 1);
      journal.rewrite([{ t: "start", generation }]);
    },
    replay(entry) {
      const { t, r, i, v, w, key, writes, name, value } = entry as unknown as {
        t: string;
        r: string;
        i: number;
        v: Values;
        w?: Cause;
        key: string;
        writes: Write[];
        name: string;
        value: unknown;
      };
      replayed += 1;
      if (t === "start") clear(Number(entry.generation));
      else if (t === "document") documents.set(name, value);
      else if (t === "reserve") table(r).reserve(i);
      else if (t === "put") table(r).put(v, i);
      else if (t === "remove") table(r).remove(i);
      else if (t === "writes") for (const write of writes) remember(r, { key, ...write }, Number.POSITIVE_INFINITY);
      else throw new Error(`the journal has an entry of unknown kind ${t}`);
      // The limit in force is known only once everything was replayed.
      if (t === "put" || t === "remove") remember(r, w, Number.POSITIVE_INFINITY);
    },
    attach(given) {
      journal = given;
      forget(writesPerRecord());
      const live = [...tables.values()].reduce((sum, records) => sum + records.size, 0);
      if (replayed > 4 * live + 1000) journal.rewrite(snapshot());
    },
  };
}
