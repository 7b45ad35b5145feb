// Azurite's table service inside the test process, on a free port. Its classes are internal (azurite is pinned in package.json)
// and untyped: facts/azure-local.md §3.

import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";

/** A table service that lives in memory, and how to reach it. */
export interface Azurite {
  connectionString: string;
  port: number;
  close(): Promise<void>;
}

interface TableServerLike {
  start(): Promise<void>;
  close(): Promise<void>;
  httpServer: { address(): AddressInfo };
}

/** The account and key that every storage emulator has: public, in Microsoft's documentation. */
const account = "devstoreaccount1";
const wellKnownKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** Starts a table service on 127.0.0.1. Close it in afterAll. */
export async function startAzurite(): Promise<Azurite> {
  const require = createRequire(import.meta.url);
  const { default: TableConfiguration } = require("azurite/dist/src/table/TableConfiguration");
  const { default: TableServer } = require("azurite/dist/src/table/TableServer");
  const configuration = new TableConfiguration(
    "127.0.0.1",
    0,
    5,
    "",
    false,
    false,
    undefined,
    undefined,
    false,
    true,
    "",
    "",
    "",
    undefined,
    false,
    true,
  );
  const server: TableServerLike = new TableServer(configuration);
  await server.start();
  const { port } = server.httpServer.address();
  return {
    port,
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${wellKnownKey};TableEndpoint=http://127.0.0.1:${port}/${account};`,
    close: () => server.close(),
  };
}
