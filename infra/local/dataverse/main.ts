// The Dataverse simulator as a process: `main.ts --port 7081 [--data DIR] [--seed N] [--latency MS] [--switches JSON]`.
import { parseArgs } from "node:util";
import { announceReady, closeOnSignal } from "../child.js";
import { startSimulator } from "../sim/start-simulator.js";
import { type DataverseCore, makeDataverseCore } from "./core.js";
import { switchesSchema } from "./options.js";
import { makeFileJournal, NO_JOURNAL } from "./store/journal.js";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "7081" },
    data: { type: "string" },
    seed: { type: "string", default: "1" },
    latency: { type: "string", default: "0" },
    switches: { type: "string", default: "{}" },
  },
});

const journal = values.data === undefined ? NO_JOURNAL : makeFileJournal(values.data);
const switches = switchesSchema.parse(JSON.parse(values.switches));
let core: DataverseCore | undefined;
const simulator = await startSimulator({
  name: "dataverse",
  core: (world) => {
    core = makeDataverseCore(world, { switches }, journal);
    return core;
  },
  port: Number(values.port),
  seed: Number(values.seed),
  latencyMs: Number(values.latency),
});
core?.resume();
closeOnSignal(() => simulator.close());
announceReady("dataverse simulator", simulator.url);
