// Rows that were merged, and into which (facts/dataverse.md §1.8, §14). How rows are read by their ids is the caller's business.

import { z } from "zod";
import { parseRecordId, type RecordId } from "../model/ids.js";

/** A merged row's master may be merged in turn; nobody merges this often. */
const longestChain = 16;

/** A row that is there; `master`: the one it was merged into. */
export interface MergedRow {
  id: RecordId;
  master: RecordId | undefined;
}

/** What to select of a row, besides its id, to know its master. */
export const masterColumns = "merged,_masterid_value";

/** A row as Dataverse shows it, with its id in column `id`. */
export function mergedRowSchema(id: string): z.ZodType<MergedRow> {
  return z.looseObject({ merged: z.boolean().nullish(), _masterid_value: z.string().nullish() }).transform((row) => ({
    id: parseRecordId(row[id]),
    master: row.merged && row._masterid_value ? parseRecordId(row._masterid_value) : undefined,
  }));
}

/** Each of these rows that is there, with its master, and the same of their masters. `read` answers those of some rows that are there. */
export async function readMasters(
  ids: readonly RecordId[],
  read: (ids: readonly RecordId[]) => Promise<readonly MergedRow[]>,
): Promise<ReadonlyMap<RecordId, RecordId | undefined>> {
  const rows = new Map<RecordId, RecordId | undefined>();
  let wanted = ids;
  for (let hop = 0; wanted.length > 0 && hop <= longestChain; hop += 1) {
    const found = await read(wanted);
    for (const { id, master } of found) rows.set(id, master);
    wanted = found.flatMap(({ master }) => (master === undefined || rows.has(master) ? [] : [master]));
  }
  return rows;
}

/** Follows masters to the last one that is there: who was merged into somebody since deleted is here himself. */
export function lastMaster(id: RecordId, rows: ReadonlyMap<RecordId, RecordId | undefined>): RecordId {
  let last = id;
  for (let hop = 0; hop < longestChain; hop += 1) {
    const master = rows.get(last);
    if (master === undefined || !rows.has(master)) break;
    last = master;
  }
  return last;
}
