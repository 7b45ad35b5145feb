// The parts of Azurite's table service that this folder reaches into. They are internal: its version is pinned, and
// test/conformance/tables fails when an update moves them.
import type { Server } from "node:http";
import { createRequire } from "node:module";
import type { StoredEntity } from "./entity-limits.js";

type Write = (
  context: unknown,
  table: string,
  account: string,
  entity: StoredEntity,
  ifMatch?: string,
  batchId?: string,
) => Promise<unknown>;

/** The entities of one table. */
export interface EntityCollection {
  update: (entity: StoredEntity) => unknown;
}

/** Azurite's store: every write of an entity, alone or in a transaction, passes through one of these. */
export interface MetadataStore {
  insertTableEntity: (
    context: unknown,
    table: string,
    account: string,
    entity: StoredEntity,
    batchId?: string,
  ) => Promise<unknown>;
  updateTableEntity: Write;
  mergeTableEntity: Write;
  /** Throws when there is no such table. */
  getEntityCollection: (account: string, table: string, context: unknown) => EntityCollection;
}

/** Azurite's table service. */
export interface TableServer {
  metadataStore: MetadataStore;
  httpServer: Server;
  start(): Promise<void>;
  close(): Promise<void>;
}

const require = createRequire(import.meta.url);
const { default: TableConfiguration } = require("azurite/dist/src/table/TableConfiguration");
const { default: TableServerClass } = require("azurite/dist/src/table/TableServer");
const { default: StorageError } = require("azurite/dist/src/table/errors/StorageError");

/** Makes Azurite's table service on 127.0.0.1, not started. `file` keeps what it holds; without one, memory does. */
export function makeTableServer(port: number, file: string | undefined): TableServer {
  const keepAliveSeconds = 60;
  return new TableServerClass(
    new TableConfiguration(
      "127.0.0.1",
      port,
      keepAliveSeconds,
      file ?? "tables.json",
      false, // debug log
      false, // access log
      undefined,
      undefined,
      false, // loose mode
      true, // accept newer API versions: the SDK is newer than Azurite
      "", // no certificate
      "",
      "",
      undefined, // no OAuth
      false,
      file === undefined,
    ),
  );
}

/** An error that Azurite answers as the real service does; inside a transaction it adds the operation's index and rolls back. */
export function makeStorageError(
  context: { contextID?: string },
  status: number,
  code: string,
  message: string,
): Error {
  return new StorageError(status, code, message, context.contextID, undefined, context);
}
