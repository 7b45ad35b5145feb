import type { EntityTable } from "./entity-table.js";

/** The tables of one storage account. Twins: azure-entity-table.ts and memory-entity-table.ts. */
export interface EntityTables {
  /** A table by name (3 to 63 letters and digits); does no I/O. Its methods throw UnavailableError while it does not exist. */
  table(name: string): EntityTable;
  /** Creates the tables that do not exist yet. Doing it twice, or in two processes at once, is fine. */
  ensure(names: readonly string[]): Promise<void>;
}
