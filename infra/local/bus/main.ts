// The broker as a process. What it does is in broker.ts and admin/; here are its command line and its end.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { announceReady, closeOnSignal } from "../child.js";
import { startAdmin } from "./admin/admin-server.js";
import { startBroker } from "./broker.js";
import { parseQueues } from "./core/queue-options.js";

const usage = "usage: main.ts --port N --queues FILE.json [--admin-port M] [--data DIR] [--seed N]";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "5672" },
    queues: { type: "string" },
    "admin-port": { type: "string" },
    data: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});

if (values.queues === undefined) {
  console.error(usage);
  process.exit(2);
}

const broker = await startBroker({
  port: Number(values.port),
  queues: parseQueues(JSON.parse(readFileSync(values.queues, "utf8"))),
  dataDirectory: values.data,
  seed: Number(values.seed),
  log: (line) => console.error(line),
  onBroken: (error) => {
    console.error("The data directory cannot be written any more:", error);
    process.exit(1);
  },
});
const adminPort = values["admin-port"];
const admin = adminPort === undefined ? undefined : await startAdmin(broker, Number(adminPort));
if (admin !== undefined) console.log(`bus admin at http://127.0.0.1:${admin.port}`);

closeOnSignal(async () => {
  await admin?.close();
  await broker.close();
});
announceReady("bus", broker.connectionString);
