import type { EntityTable } from "./entity-table.js";

/** The tables of one storage account. Twins: azure-entity-table.ts and memory-entity-table.ts. */
export interface EntityTables {
  /** A table by name (3 to 63 letters and digits); does no I/O. Its methods throw UnavailableError while it does not exist. */
  table(name: string): EntityTable;
  /** Creates the tables that do not exist yet. Doing it twice, or in two processes at once, is fine. */
  ensure(names: readonly string[]): Promise<void>;
}

/** Tables that can be done away with. */
export interface DroppableTables extends EntityTables {
  /** Drops the tables with all that is in them; one that is gone is dropped. Azure keeps a name for a while: it is not to be used again. */
  drop(names: readonly string[]): Promise<void>;
}
