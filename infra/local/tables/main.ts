// The table service as a process of the local runtime: node --import tsx main.ts --port N [--data DIR] (README.md).
import { parseArgs } from "node:util";
import { announceReady, closeOnSignal } from "../child.js";
import { startTables } from "./start-tables.js";

const { values } = parseArgs({ options: { port: { type: "string", default: "10002" }, data: { type: "string" } } });

const tables = await startTables({
  port: Number(values.port),
  ...(values.data !== undefined && { directory: values.data }),
});
announceReady("tables", tables.url);
closeOnSignal(() => tables.close());
