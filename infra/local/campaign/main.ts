// The Campaign simulator as a process: `node --import tsx infra/local/campaign/main.ts --port 7082 [--data DIR] …` (README.md).

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { announceReady, closeOnSignal } from "../child.js";
import { startSimulator } from "../sim/start-simulator.js";
import { type CampaignOptions, makeCampaignCore } from "./core.js";
import { instanceSchema } from "./model/instance.js";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "7082" },
    data: { type: "string" },
    settings: { type: "string" },
    resources: { type: "string" },
    seed: { type: "string", default: "1" },
    latency: { type: "string", default: "0" },
  },
});

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

const options: CampaignOptions = {
  ...(values.data !== undefined && { dataFolder: values.data }),
  ...(values.settings !== undefined && { settings: readJson(values.settings) as Record<string, unknown> }),
  ...(values.resources !== undefined && { configuration: instanceSchema.parse(readJson(values.resources)) }),
};
const simulator = await startSimulator({
  name: "campaign",
  core: (world) => makeCampaignCore(world, options),
  port: Number(values.port),
  seed: Number(values.seed),
  latencyMs: Number(values.latency),
});
closeOnSignal(() => simulator.close());
announceReady("campaign", simulator.url);
