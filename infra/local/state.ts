// The product's own state, read through its own stores: for npm start, inspect and the system tests.

import { tableNames } from "../../shared/services.js";
import { makeAzureEntityTables } from "../../shared/storage/azure-entity-table.js";
import { type CheckpointStore, makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import type { Entity } from "../../shared/storage/entity-table.js";
import { type FailureStore, makeFailureStore } from "../../shared/storage/failures.js";
import { makeSyncStateStore, type SyncStateStore } from "../../shared/storage/sync-state.js";

/** The stores of a deployment, for reading. */
export interface State {
  checkpoints: CheckpointStore;
  states: SyncStateStore;
  failures: FailureStore;
  /** Every entity of every table, as stored. */
  everything(): Promise<Entity[]>;
}

/** Opens the state behind a connection string. */
export function openState(connectionString: string): State {
  const tables = makeAzureEntityTables({ connectionString });
  const clock = { now: () => Date.now(), sleep: (ms: number) => new Promise<void>((done) => setTimeout(done, ms)) };
  return {
    checkpoints: makeCheckpointStore(tables.table("checkpoints")),
    states: makeSyncStateStore(tables.table("syncstate")),
    failures: makeFailureStore(tables.table("failures"), clock),
    async everything() {
      const found: Entity[] = [];
      for (const name of tableNames) for await (const entity of tables.table(name).list()) found.push(entity);
      return found;
    },
  };
}
