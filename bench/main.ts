// npm run bench -- [--only NAME] [--json FILE] [--full]: measures, prints a table, and writes the same as a JSON array.
// Not a test and not in CI: a machine at work on something else gives other numbers.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Bench, Result } from "./bench.js";
import { broker } from "./stand-ins/broker.js";
import { campaignSimulator } from "./stand-ins/campaign.js";
import { dataverseSimulator } from "./stand-ins/dataverse.js";
import { tables } from "./stand-ins/tables.js";
import { toTable } from "./table.js";

const benches: Bench[] = [dataverseSimulator, campaignSimulator, broker, tables];

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
const results: Result[] = [];
for (const bench of chosen) {
  const say = (line: string): void => console.error(`${bench.name}: ${line}`);
  results.push(...(await bench.run({ full: values.full, say })));
}
console.log(toTable(results));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
process.exit(0);
