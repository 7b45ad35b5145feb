// Azurite's table service inside this process, with the real service's limits. The process around it is main.ts.

import { makeTableServer } from "./azurite.js";
import { guardEntities } from "./entity-guard.js";
import { interposeFaults } from "./faulty-requests.js";

/** The account of the local runtime, in place of Azurite's well-known one; its key is no secret. */
export const localAccount = { name: "local", key: "bG9jYWwtcnVudGltZQ==" } as const;

/** A running table service. `url` has no trailing slash and no account. */
export interface Tables {
  url: string;
  /** For TableClient and TableServiceClient, which also want `{ allowInsecureConnection: true }`. */
  connectionString: string;
  close(): Promise<void>;
}

/**
 * Starts the table service on 127.0.0.1 (port 0: any free one). With `directory` tables survive a restart.
 * The accounts are those of AZURITE_ACCOUNTS when it is set, which Azurite reads for the whole process, else the local one.
 */
export async function startTables(options: { port: number; directory?: string; seed?: number }): Promise<Tables> {
  process.env.AZURITE_ACCOUNTS ??= `${localAccount.name}:${localAccount.key}`;
  const server = makeTableServer(options.port, options.directory && `${options.directory}/tables.json`);
  guardEntities(server.metadataStore);
  await server.start();
  interposeFaults(server.httpServer, options.seed);
  // Azurite cannot say which free port it took, its HTTP server can (facts/azure-local.md §3).
  const address = server.httpServer.address();
  if (address === null || typeof address === "string") throw new Error("Azurite has no port");
  const url = `http://127.0.0.1:${address.port}`;
  const { name, key } = localAccount;
  return {
    url,
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${name};AccountKey=${key};TableEndpoint=${url}/${name};`,
    close: () => server.close(),
  };
}
