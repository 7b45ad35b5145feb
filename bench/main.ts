// npm run bench -- [--only NAME] [--json FILE] [--full]: measures, prints a table, and writes the same as a JSON array.
// Not a test and not in CI: a machine at work on something else gives other numbers.
import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import type { Bench, Result } from "./bench.js";
import { openTelemetry } from "./cold-start/open-telemetry.js";
import { backfillMemory } from "./egress/backfill-memory.js";
import { delay as egressDelay } from "./egress/delay.js";
import { requests as egressRequests } from "./egress/requests.js";
import { throughput as egressThroughput } from "./egress/throughput.js";
import { campaignCalls } from "./ingress/campaign-calls.js";
import { coldStart } from "./ingress/cold-start.js";
import { latency } from "./ingress/latency.js";
import { load } from "./ingress/load.js";
import { mapping } from "./ingress/mapping.js";
import { memory } from "./ingress/memory.js";
import { rateLimit } from "./ingress/rate-limit.js";
import { tableOperations } from "./ingress/table-operations.js";
import { calls as optOutCalls } from "./optout/calls.js";
import { delay as optOutDelay } from "./optout/delay.js";
import { broker } from "./stand-ins/broker.js";
import { campaignSimulator } from "./stand-ins/campaign.js";
import { dataverseSimulator } from "./stand-ins/dataverse.js";
import { tables } from "./stand-ins/tables.js";
import { toTable } from "./table.js";

const benches: Bench[] = [
  dataverseSimulator,
  campaignSimulator,
  broker,
  tables,
  campaignCalls,
  mapping,
  load,
  rateLimit,
  latency,
  memory,
  coldStart,
  openTelemetry,
  tableOperations,
  egressRequests,
  egressThroughput,
  egressDelay,
  backfillMemory,
  optOutDelay,
  optOutCalls,
];

const { values } = parseArgs({
  options: { only: { type: "string" }, json: { type: "string" }, full: { type: "boolean", default: false } },
});

// Everything is on this machine: a proxy in the environment must not get in between.
process.env.NO_PROXY = [process.env.NO_PROXY, "127.0.0.1", "localhost"].filter(Boolean).join(",");

const chosen = benches.filter(({ name }) => values.only === undefined || name.startsWith(values.only));
if (chosen.length === 0) {
  console.error(`no bench is called ${values.only}: ${benches.map(({ name }) => name).join(", ")}`);
  process.exit(1);
}
// Its own processes are part of the load that a later bench sees, and so is whatever else runs here.
const machine = (): string => `${availableParallelism()} cores, load average ${loadavg()[0]?.toFixed(1)}`;
const results: Result[] = [];
let failed = 0;
for (const bench of chosen) {
  const say = (line: string): void => console.error(`${bench.name}: ${line}`);
  say(machine());
  try {
    results.push(...(await bench.run({ full: values.full, say })));
  } catch (error) {
    // What the others measured is not lost with it.
    failed += 1;
    say(`failed: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
console.log(toTable(results));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
process.exit(failed === 0 ? 0 : 1);
