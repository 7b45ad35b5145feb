import type { EntityTable, EntityValue } from "../../../shared/storage/entity-table.js";
import type { EntityTables } from "../../../shared/storage/entity-tables.js";

type Values = Readonly<Record<string, EntityValue>>;

/** What the app keeps of events, watched from outside. */
export interface EventRecords {
  /** Tables with the watch on them. */
  watch(name: string): EntityTable;
  /** Every version of the pull's checkpoint, oldest first, with when it was saved (epoch ms). */
  readonly checkpoints: readonly { at: number; values: Values }[];
  /** When the ledger first knew of an activity, and its last outcome there, by the activity's id. */
  readonly noted: ReadonlyMap<string, { at: number; outcome: string }>;
  /** Puts the pull back to where it stood in `values`. */
  turnBack(values: Values): Promise<void>;
}

const place = ["egress", "events"] as const;

/** Watches tables. */
export function recordsOf(tables: EntityTables, now: () => number): EventRecords {
  const checkpoints: { at: number; values: Values }[] = [];
  const noted = new Map<string, { at: number; outcome: string }>();
  const see = (name: string, partition: string, row: string, values: Values): void => {
    if (name === "checkpoints" && partition === place[0] && row === place[1]) checkpoints.push({ at: now(), values });
    if (name !== "events" || values.outcome === undefined) return;
    noted.set(row, { at: noted.get(row)?.at ?? now(), outcome: String(values.outcome) });
  };
  return {
    checkpoints,
    noted,
    watch(name) {
      const table = tables.table(name);
      return {
        ...table,
        async insert(partition, row, values) {
          const etag = await table.insert(partition, row, values);
          see(name, partition, row, values);
          return etag;
        },
        async replace(partition, row, values, etag) {
          const next = await table.replace(partition, row, values, etag);
          see(name, partition, row, values);
          return next;
        },
      };
    },
    async turnBack(values) {
      const table = tables.table("checkpoints");
      const current = await table.get(...place);
      if (!current) throw new Error("there is no checkpoint");
      await table.replace(...place, values, current.etag);
    },
  };
}
