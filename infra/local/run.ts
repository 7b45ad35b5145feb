// npm start: the whole system on this machine, and the main job played on it (design.md §9).
// npm start -- --connect FILE [--dry-run|--write] [--mappings FILE …] [--once] [--json FILE]: real systems, connect.ts
// npm start -- [--scenario small|linked|events|event-files|opt-outs] [--once] [--json FILE] [--package ZIP] [--port-host N] [--port-dataverse N] …

import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { unpackPackage } from "../package/unpack.js";
import { requireRepositoryRoot } from "../repository-root.js";
import type { InstanceConfiguration } from "./campaign/model/instance.js";
import { connect, whyNotConnected } from "./connect.js";
import { LOCAL_APPS } from "./dataverse/options.js";
import { eventFileSettings, extractOften, playEventFiles } from "./event-files-job.js";
import { eventSettings, makeActivityTables, playEvents } from "./events-job.js";
import { type LinkedStage, linkedSizes, playLinked, seedLinked } from "./linked-job.js";
import { playMainJob, type Stage } from "./main-job.js";
import { makeOperator } from "./operator.js";
import { optOutSettings, playOptOuts } from "./opt-outs-job.js";
import { observe, signIn } from "./people.js";
import { registerInForce } from "./register.js";
import { printReport, type Report } from "./report.js";
import { type Ports, type Runtime, standardPorts, startRuntime } from "./runtime.js";
import { campaignInstance } from "./scenarios/acme/campaign-instance.js";
import { defineAcmeTables } from "./scenarios/acme/dynamics-tables.js";
import { inventContact } from "./scenarios/contacts.js";
import { openState } from "./state.js";

/** What is played: on which instance of Campaign, what is in Dynamics before a host starts, and what happens then. */
interface Scenario {
  campaignInstance?: InstanceConfiguration;
  /** App settings besides the usual ones. */
  settings?: Readonly<Record<string, string>>;
  prepare(stage: Stage, settings: Runtime["settings"]): Promise<void>;
  play(stage: LinkedStage, settings: Runtime["settings"]): Promise<Report>;
}

const smallContacts = 1_000;
const eventContacts = 200;
const optOutContacts = 100;

async function prepareEvents({ observer }: Stage, settings: Runtime["settings"]): Promise<void> {
  await makeActivityTables(settings, (what) => console.log(`  Dynamics: ${what}`));
  await observer.seedContacts(Array.from({ length: eventContacts }, (_, number) => inventContact(number)));
  console.log(`${eventContacts} invented contacts are in Dynamics, Campaign is empty`);
}

const scenarios: Readonly<Record<string, Scenario>> = {
  small: {
    async prepare({ observer }) {
      await observer.seedContacts(Array.from({ length: smallContacts }, (_, number) => inventContact(number)));
      console.log(`${smallContacts} invented contacts are in Dynamics, Campaign is empty`);
    },
    play: (stage) => playMainJob(stage, smallContacts),
  },
  linked: {
    campaignInstance,
    async prepare({ observer, editor }) {
      await defineAcmeTables(async (method, path, body) => void (await editor.send(method, path, body)));
      await seedLinked({ observer });
      const sizes = Object.entries(linkedSizes).map(([what, size]) => `${size} ${what}`);
      console.log(`${sizes.join(", ")}, all invented, are in Dynamics, Campaign is empty`);
    },
    play: playLinked,
  },
  events: {
    settings: eventSettings,
    prepare: prepareEvents,
    play: (stage) => playEvents(stage, eventContacts),
  },
  "opt-outs": {
    settings: optOutSettings,
    async prepare({ observer }) {
      await observer.seedContacts(Array.from({ length: optOutContacts }, (_, number) => inventContact(number)));
      console.log(`${optOutContacts} invented contacts are in Dynamics, Campaign is empty`);
    },
    play: (stage) => playOptOuts(stage, optOutContacts),
  },
  "event-files": {
    settings: eventFileSettings,
    async prepare(stage, settings) {
      await prepareEvents(stage, settings);
      await extractOften(stage.observer);
    },
    play: (stage, settings) => playEventFiles(stage, eventContacts, settings),
  },
};

interface Arguments {
  scenario: Scenario;
  /** File that names real systems, instead of a scenario. */
  connect: string | undefined;
  /** Is anything written there? */
  write: boolean;
  mappings: readonly string[];
  once: boolean;
  json: string | undefined;
  /** Zip of `npm run package` to run instead of building the app. */
  package: string | undefined;
  /** State and logs; emptied at the start. */
  directory: string;
  ports: Ports;
}

function readArguments(): Arguments {
  const portOptions = Object.keys(standardPorts).map((name) => [`port-${name}`, { type: "string" as const }]);
  const { values } = parseArgs({
    options: {
      scenario: { type: "string", default: "small" },
      connect: { type: "string" },
      write: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      mappings: { type: "string", multiple: true, default: [] },
      once: { type: "boolean", default: false },
      json: { type: "string" },
      package: { type: "string" },
      directory: { type: "string" },
      ...(Object.fromEntries(portOptions) as Record<string, { type: "string" }>),
    },
  });
  const given: Readonly<Record<string, unknown>> = values;
  const scenario = scenarios[values.scenario];
  if (scenario === undefined) {
    throw new Error(`there is no scenario ${values.scenario}; there is: ${Object.keys(scenarios).join(", ")}`);
  }
  const { connect, write, "dry-run": dryRun, mappings } = values;
  if (connect === undefined && (write || dryRun || mappings.length > 0)) {
    throw new Error("--dry-run, --write and --mappings go with --connect FILE");
  }
  if (write && dryRun) throw new Error("give --dry-run or --write, not both");
  const ports = Object.fromEntries(
    Object.entries(standardPorts).map(([name, port]) => [name, Number(given[`port-${name}`] ?? port)]),
  );
  return {
    scenario,
    connect,
    write,
    mappings,
    once: values.once,
    json: values.json,
    package: values.package,
    directory: values.directory ?? (connect === undefined ? ".local" : ".local-connected"),
    ports: ports as unknown as Ports,
  };
}

async function main(): Promise<void> {
  requireRepositoryRoot();
  const given = readArguments();
  if (given.connect !== undefined) return connectTo(given.connect, given);
  const { scenario, once, json, package: zip, directory, ports } = given;
  let stopping = false;
  const ofApp = zip === undefined ? "building the app" : `unpacking ${zip}`;
  console.log(`starting bus, tables, Dataverse and Campaign simulators, and ${ofApp} …`);
  const runtime = await startRuntime({
    app: zip === undefined ? undefined : unpackPackage(zip),
    directory,
    ports,
    campaignInstance: scenario.campaignInstance,
    ...(scenario.settings && { settings: scenario.settings }),
    onUnexpectedEnd: (name, how) => {
      if (!stopping) console.error(`${name} ended unexpectedly (${how}); its log is in ${directory}/logs/${name}.log`);
    },
  });
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await runtime.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(130);
      console.log("\nstopping …");
      void stop().then(() => process.exit(process.exitCode ?? 130));
    });
  }

  try {
    const report = await play(runtime, scenario);
    printReport(report);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
    if (!report.agree) process.exitCode = 1;
    if (once) await stop();
    else printAddresses(runtime);
  } catch (error) {
    if (stopping) return;
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
    await stop();
  }
}

/** Ends in order on the first signal, at once on the second. */
async function connectTo(file: string, { json, package: zip, ...given }: Arguments): Promise<void> {
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (ending.signal.aborted) process.exit(130);
      console.log("\nstopping …");
      ending.abort();
    });
  }
  try {
    const report = await connect({
      ...given,
      file,
      app: zip === undefined ? undefined : unpackPackage(zip),
      environment: process.env,
      say: (line) => console.log(line),
      signal: ending.signal,
    });
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
    if (report.failures > 0) process.exitCode = 1;
  } catch (error) {
    if (!ending.signal.aborted) {
      console.error(whyNotConnected(error));
      process.exitCode = 1;
    }
  }
  // Clients keep connections open that nothing here closes.
  process.exit(process.exitCode ?? (ending.signal.aborted ? 130 : 0));
}

async function play(runtime: Runtime, scenario: Scenario): Promise<Report> {
  const { addresses, settings } = runtime;
  const functionKey = String(settings.LOCAL_FUNCTION_KEY);
  const editor = await signIn({
    dataverse: addresses.dataverse,
    tenantId: String(settings.DYNAMICS_TENANT_ID),
    ...LOCAL_APPS.editor,
  });
  const stage: Stage = {
    observer: observe(addresses),
    editor,
    state: openState(String(settings.TABLES)),
    say: (line) => console.log(line),
    progress: showProgress,
  };
  await scenario.prepare(stage, settings);

  const host = await runtime.startHost();
  await requireHealth(host.address, functionKey);
  const operator = makeOperator(() => host.address, functionKey);
  const register = async (): Promise<void> => {
    const webhook = { url: `${host.address}/api/ingress-webhook`, key: functionKey, name: "acs-sync" };
    await registerInForce(settings, operator, { webhook }, (what) => console.log(`  Dynamics: ${what}`));
  };
  await register();
  return scenario.play({ ...stage, operator, register }, settings);
}

/** A settings error leaves the app half silent on purpose; here it ends the run. */
async function requireHealth(host: string, key: string): Promise<void> {
  const response = await fetch(`${host}/api/health?code=${encodeURIComponent(key)}`);
  if (response.ok) return;
  throw new Error(`the app is not healthy:\n${JSON.stringify(await response.json(), undefined, 2)}`);
}

let shown = "";
/** On a terminal one line that changes; elsewhere a line whenever it changes. */
function showProgress(line: string): void {
  if (line === shown) return;
  shown = line;
  console.log(line);
}

function printAddresses({ addresses, settings, logDirectory }: Runtime): void {
  console.log(`
running until Ctrl-C:
  app        ${addresses.host}/api/health?code=${settings.LOCAL_FUNCTION_KEY}
  Dataverse  ${addresses.dataverse}/api/data/v9.2/   behind the scenes: ${addresses.dataverse}/_sim/state/contacts
  Campaign   ${addresses.campaign}/${settings.CAMPAIGN_TENANT}/campaign/   behind the scenes: ${addresses.campaign}/_sim/state/profile
  bus        ${addresses.bus}   behind the scenes: ${addresses.busAdmin}/_sim/state/queues
  tables     ${addresses.tables}
  SFTP       ${settings.CAMPAIGN_SFTP_USER}@${settings.CAMPAIGN_SFTP_HOST}, Campaign's account; with the key ${join(dirname(logDirectory), "sftp", "key")}
  logs       ${logDirectory}
look inside: npm run inspect`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
