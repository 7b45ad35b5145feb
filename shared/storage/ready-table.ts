import type { EntityTable } from "./entity-table.js";

/** The table, each use preceded by `ready`: for stores that are used before anything else has seen to it that the table exists. */
export function whenReady(table: EntityTable, ready: () => Promise<unknown>): EntityTable {
  return {
    async get(...key) {
      await ready();
      return table.get(...key);
    },
    async insert(...entity) {
      await ready();
      return table.insert(...entity);
    },
    async replace(...entity) {
      await ready();
      return table.replace(...entity);
    },
    async remove(...entity) {
      await ready();
      return table.remove(...entity);
    },
    async *list(...which) {
      await ready();
      yield* table.list(...which);
    },
  };
}
