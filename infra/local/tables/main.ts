// Azurite's table service as a process of the local runtime: node --import tsx main.ts --port N [--data DIR]
// In its own process rather than by Azurite's binary, which cannot say which free port it took (facts/azure-local.md §3).

import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { announceReady, closeOnSignal } from "../child.js";

interface TableServer {
  start(): Promise<void>;
  close(): Promise<void>;
  httpServer: { address(): { port: number } | string | null };
}

const { values } = parseArgs({ options: { port: { type: "string", default: "10002" }, data: { type: "string" } } });

/** Account of the local runtime, in place of Azurite's well-known one; the key is no secret. */
process.env.AZURITE_ACCOUNTS ??= "local:bG9jYWwtcnVudGltZQ==";

// Azurite's internals: its version is pinned.
const require = createRequire(import.meta.url);
const TableConfiguration = require("azurite/dist/src/table/TableConfiguration").default;
const TableServerClass = require("azurite/dist/src/table/TableServer").default;

const keepAliveSeconds = 60;
const inMemory = values.data === undefined;
const configuration = new TableConfiguration(
  "127.0.0.1",
  Number(values.port),
  keepAliveSeconds,
  inMemory ? "tables.json" : `${values.data}/tables.json`,
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
  inMemory,
);
const server: TableServer = new TableServerClass(configuration);
await server.start();
const address = server.httpServer.address();
if (address === null || typeof address === "string") throw new Error("Azurite has no port");
announceReady("tables", `http://127.0.0.1:${address.port}`);
closeOnSignal(() => server.close());
