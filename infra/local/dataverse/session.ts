// What one request carries through the simulator. Made by the router; read by everything below it.
import type { SimRequest, SimWorld } from "../sim/types.js";
import type { Caller } from "./auth/caller.js";
import type { EventPipeline } from "./events/pipeline.js";
import type { Preferences } from "./odata/preferences.js";
import type { DataverseOptions, Switches } from "./options.js";
import type { ColumnVersions } from "./store/column-versions.js";
import type { Database, JournalOperation, Transaction } from "./store/database.js";

/** The simulated organisation: data, settings, events, and the world around it. */
export interface Organisation {
  database: Database;
  options: DataverseOptions;
  switches: Switches;
  world: SimWorld;
  events: EventPipeline;
  columnVersions: ColumnVersions;
  makeId(): string;
  /** Throws all data away and takes these instead; pending deliveries are lost. */
  replaceWith(entries: readonly JournalOperation[][]): void;
  /** Runs a change in a transaction of its own, after the ones that wait. */
  change<T>(run: (tx: Transaction) => T | Promise<T>): Promise<T>;
  /** Address the last client used, for what happens without a client. */
  origin(): string;
  /** A copied organisation has another one than it started with. */
  organizationId(): string;
}

/** One request on its way. */
export interface Session {
  org: Organisation;
  request: SimRequest;
  caller: Caller;
  preferences: Preferences;
  /** Address of the API as the client wrote it, for links in answers. */
  apiUrl: string;
  correlationId: string;
  requestId: string;
  /** `?tag=`: arrives in the shared variables of the events of this request. */
  tag: string | undefined;
  /** Earlier parts of a change set by their Content-ID, as `contacts(<id>)`. */
  contentIds: ReadonlyMap<string, string>;
}
