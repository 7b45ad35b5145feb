// Dynamics in memory behind the ports DynamicsSource and DynamicsOptOutStore: rows, versions, a log of changes, and an audit history of what people opted
// back in. The truth of a flow test.

import { ConflictError, MissingError, RefusedError } from "../../shared/errors.js";
import type { DynamicsOptOutStore } from "../../shared/flows/optout-ports.js";
import type { DynamicsSource, VersionedRow } from "../../shared/flows/ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import type { Clock } from "../../shared/model/clock.js";
import type { RecordId, RowVersion } from "../../shared/model/ids.js";
import type { Row } from "../../shared/model/row.js";

/** Dynamics, and what a person at work does in it. Every act answers the row's new version. */
export interface MemoryDynamics extends DynamicsSource {
  put(id: RecordId, row: Row, table?: string): RowVersion;
  remove(id: RecordId, table?: string): void;
  /** Forgets all tracking links: the next one used is expired. */
  expireLinks(): void;
  rows(table?: string): ReadonlyMap<RecordId, VersionedRow>;
  /** What the product writes there, and asks besides. */
  optOuts: DynamicsOptOutStore;
}

const organization = "29c6e552-e16f-ef11-a66b-6045bd1e7d8b";
const epoch = { now: () => 0 };
/** Masters of masters that are followed. */
const longestChain = 16;

/** How a Dynamics in memory differs from the usual one. `pageSize` is that of tracked pages; rows change at the time of `clock`, cut to whole seconds. */
export interface MemoryDynamicsOptions {
  pageSize?: number;
  clock?: Pick<Clock, "now">;
}

/** An empty Dynamics. */
export function makeMemoryDynamics({ pageSize = 3, clock = epoch }: MemoryDynamicsOptions = {}): MemoryDynamics {
  const tables = new Map<string, Map<RecordId, VersionedRow>>();
  const log: { table: string; id: RecordId; version: number; deleted: boolean }[] = [];
  let version = 1_000;
  /** Links of an earlier era have expired. */
  let era = 1;

  const optedIn: { id: RecordId; column: string; at: number }[] = [];
  const seconds = (): number => Math.floor(clock.now() / 1_000) * 1_000;

  const complete = (mapping: CompiledMapping, { id, version, row }: VersionedRow): VersionedRow => ({
    id,
    version,
    row: Object.fromEntries(mapping.cells.map((column) => [column, row[column] ?? null])),
  });
  const timed = (mapping: CompiledMapping, row: VersionedRow): VersionedRow => ({
    ...complete(mapping, row),
    ...(mapping.optOuts && row.changedAt !== undefined && { changedAt: row.changedAt }),
    ...(mapping.optOuts && row.createdAt !== undefined && { createdAt: row.createdAt }),
  });
  const rowsOf = (table: string): Map<RecordId, VersionedRow> => {
    const rows = tables.get(table) ?? new Map<RecordId, VersionedRow>();
    tables.set(table, rows);
    return rows;
  };
  const note = (table: string, id: RecordId, deleted: boolean): void => {
    version += 1;
    const before = log.findIndex((entry) => entry.id === id && entry.table === table);
    if (before >= 0) log.splice(before, 1);
    log.push({ table, id, version, deleted });
  };

  const store = (table: string, id: RecordId, row: Row): RowVersion => {
    note(table, id, false);
    const changedAt = seconds();
    const createdAt = rowsOf(table).get(id)?.createdAt ?? changedAt;
    const stored = { id, version: String(version) as RowVersion, changedAt, createdAt, row };
    rowsOf(table).set(id, stored);
    return stored.version;
  };

  const optOuts: DynamicsOptOutStore = {
    async write({ table }, id, columns, expected) {
      const current = rowsOf(table.name).get(id);
      if (!current) throw new MissingError("the row does not exist");
      if (current.version !== expected) throw new ConflictError("the row has another version");
      return store(table.name, id, { ...current.row, ...columns });
    },
    async masterOf({ table }, id) {
      let last = id;
      for (let hop = 0; hop < longestChain; hop += 1) {
        const { merged, masterid } = rowsOf(table.name).get(last)?.row ?? {};
        if (merged !== true || typeof masterid !== "string" || !rowsOf(table.name).has(masterid as RecordId)) break;
        last = masterid as RecordId;
      }
      return last === id ? undefined : last;
    },
    lastOptIn: async (_mapping, id, column) => optedIn.findLast((one) => one.id === id && one.column === column)?.at,
  };

  return {
    optOuts,
    rows: (table = "contact") => rowsOf(table),
    put(id, row, table = "contact") {
      const before = rowsOf(table).get(id)?.row ?? {};
      for (const [column, value] of Object.entries(row)) {
        if (value === false && before[column] === true) optedIn.push({ id, column, at: seconds() });
      }
      return store(table, id, { [`${table}id`]: id, ...row });
    },
    remove(id, table = "contact") {
      rowsOf(table).delete(id);
      note(table, id, true);
    },
    expireLinks() {
      era += 1;
    },
    organizationId: async () => organization,
    async fetchRow(mapping, id) {
      const row = rowsOf(mapping.table.name).get(id);
      if (!row) throw new MissingError("the row does not exist");
      return timed(mapping, row);
    },
    async fetchRows(mapping, ids) {
      return ids.flatMap((id) => {
        const row = rowsOf(mapping.table.name).get(id);
        return row ? [timed(mapping, row)] : [];
      });
    },
    existing: async ({ table }, ids) => new Set(ids.filter((id) => rowsOf(table.name).has(id))),
    async readChanges({ table }, link) {
      const [linkEra, since] = (link ?? `${era}:0`).split(":").map(Number) as [number, number];
      if (linkEra !== era) throw new RefusedError("the link expired", "0x80044352");
      const news = log.filter((entry) => entry.version > since && entry.table === table.name);
      const page = news.slice(0, pageSize);
      const last = page.at(-1)?.version ?? version;
      const onward =
        news.length > page.length ? { next: `${era}:${last}` } : { delta: `${era}:${Math.max(last, since)}` };
      return {
        changed: page
          .filter((entry) => !entry.deleted)
          .map((entry) => ({ id: entry.id, version: String(entry.version) as RowVersion })),
        deleted: link === undefined ? [] : page.filter((entry) => entry.deleted).map((entry) => entry.id),
        ...onward,
      };
    },
    async readPage(mapping, cursor, size) {
      const rows = rowsOf(mapping.table.name);
      const ids = [...rows.keys()].sort().filter((id) => cursor === undefined || id > cursor);
      const page = ids.slice(0, size);
      const found = page.flatMap((id) => {
        const row = rowsOf(mapping.table.name).get(id);
        return row ? [complete(mapping, row)] : [];
      });
      const last = page.at(-1);
      return { rows: found, ...(ids.length > size && last !== undefined && { next: last }) };
    },
  };
}
