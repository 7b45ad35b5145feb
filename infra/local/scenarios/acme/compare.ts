// Both systems as they are now, compared table by table by oracle.ts. Reads what the simulators hold, through their /_sim routes.

import type { Difference } from "../../oracle.js";
import type { HeldRecord, Observer } from "../../people.js";
import { type Edition, placeOf, type TableName, tableNames } from "./mappings.js";
import { differencesOf, type Held, type Rows, wantedFor } from "./oracle.js";

/** What Dynamics and Campaign hold. */
export interface Holdings {
  rows: Rows;
  records: Readonly<Record<TableName, readonly HeldRecord[]>>;
}

/** A difference and the table that it is in. */
export interface TableDifference extends Difference {
  table: TableName;
}

/** Reads both systems. */
export async function readHoldings(observer: Observer): Promise<Holdings> {
  const of = async <T>(read: (table: TableName) => Promise<T>): Promise<Record<TableName, T>> => {
    const entries = await Promise.all(tableNames.map(async (table) => [table, await read(table)] as const));
    return Object.fromEntries(entries) as Record<TableName, T>;
  };
  const rows = await of(async (table) => {
    const held = await observer.rows(placeOf[table].set);
    return new Map(held.map((row) => [String(row[placeOf[table].id]), row]));
  });
  return { rows, records: await of((table) => observer.records(placeOf[table].resource)) };
}

/** All differences under an edition of the mappings; records that Campaign hides and doubled ones among them. */
export function compareHoldings({ rows, records }: Holdings, edition: Edition): TableDifference[] {
  const dealers = new Map(records.acme_dealer.map(({ key, record }) => [String(record.PKey), key]));
  return tableNames.flatMap((table) => {
    const found: TableDifference[] = [];
    const byKey = new Map<string, Held>();
    for (const { key, hidden, record } of records[table]) {
      // Without a key it is nothing of ours.
      if (String(record.externalId ?? "") === "") continue;
      if (byKey.has(key)) found.push({ table, id: key, what: "there are two records" });
      if (hidden) found.push({ table, id: key, what: "Campaign hides it from everybody" });
      byKey.set(key, record);
    }
    for (const [id, row] of rows[table]) {
      const wanted = wantedFor(table, row, rows, edition, tableNames);
      const record = byKey.get(id);
      byKey.delete(id);
      if (wanted.is === "either") continue;
      if (wanted.is === "absent") {
        if (record) found.push({ table, id, what: "there is a record that should not be there" });
      } else if (!record) found.push({ table, id, what: "there is no record" });
      else {
        const differences = differencesOf(wanted.fields, record, (pKey) => dealers.get(pKey));
        found.push(...differences.map((what) => ({ table, id, what })));
      }
    }
    for (const id of byKey.keys()) found.push({ table, id, what: "there is a record, but no row" });
    return found;
  });
}
