// npm start: the whole system on this machine, and the main job played on it (design.md §9).
// npm start -- [--scenario small] [--once] [--json FILE] [--port-host N] [--port-dataverse N] …

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { makeHttpClient } from "../../shared/http/client.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";
import { applyRegistration, planRegistration } from "../dataverse/provision.js";
import { LOCAL_APPS } from "./dataverse/options.js";
import { playMainJob, type Report, type Stage } from "./main-job.js";
import { observe, signIn } from "./people.js";
import { type Ports, type Runtime, requireRepositoryRoot, standardPorts, startRuntime } from "./runtime.js";
import { inventContact } from "./scenarios/contacts.js";
import { openState } from "./state.js";

/** Contacts that are in Dynamics when a scenario begins. */
const scenarios: Readonly<Record<string, number>> = { small: 1_000 };

interface Arguments {
  contacts: number;
  once: boolean;
  json: string | undefined;
  /** State and logs; emptied at the start. */
  directory: string;
  ports: Ports;
}

function readArguments(): Arguments {
  const portOptions = Object.keys(standardPorts).map((name) => [`port-${name}`, { type: "string" as const }]);
  const { values } = parseArgs({
    options: {
      scenario: { type: "string", default: "small" },
      once: { type: "boolean", default: false },
      json: { type: "string" },
      directory: { type: "string", default: ".local" },
      ...(Object.fromEntries(portOptions) as Record<string, { type: "string" }>),
    },
  });
  const given: Readonly<Record<string, unknown>> = values;
  const contacts = scenarios[values.scenario];
  if (contacts === undefined) {
    throw new Error(`there is no scenario ${values.scenario}; there is: ${Object.keys(scenarios).join(", ")}`);
  }
  const ports = Object.fromEntries(
    Object.entries(standardPorts).map(([name, port]) => [name, Number(given[`port-${name}`] ?? port)]),
  );
  return {
    contacts,
    once: values.once,
    json: values.json,
    directory: values.directory,
    ports: ports as unknown as Ports,
  };
}

async function main(): Promise<void> {
  requireRepositoryRoot();
  const { contacts, once, json, directory, ports } = readArguments();
  let stopping = false;
  console.log("starting bus, tables, Dataverse and Campaign simulators, and building the app …");
  const runtime = await startRuntime({
    directory,
    ports,
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
    const report = await play(runtime, contacts);
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

async function play(runtime: Runtime, contacts: number): Promise<Report> {
  const { addresses, settings } = runtime;
  const observer = observe(addresses);
  await observer.seedContacts(Array.from({ length: contacts }, (_, number) => inventContact(number)));
  console.log(`${contacts} invented contacts are in Dynamics, Campaign is empty`);

  const host = await runtime.startHost();
  await requireHealth(host.address, String(settings.LOCAL_FUNCTION_KEY));
  const client = makeDynamicsClient(
    loadSettings(settings),
    makeHttpClient({ clock: systemClock, random: Math.random }),
    systemClock,
  );
  const webhook = {
    url: `${host.address}/api/ingress-webhook`,
    key: String(settings.LOCAL_FUNCTION_KEY),
    name: "acs-sync",
  };
  await applyRegistration(await planRegistration({ client, webhook, mappings: shippedMappings() }), (what) =>
    console.log(`  Dynamics: ${what}`),
  );

  const editor = await signIn({
    dataverse: addresses.dataverse,
    tenantId: String(settings.DYNAMICS_TENANT_ID),
    ...LOCAL_APPS.editor,
  });
  const stage: Stage = {
    observer,
    editor,
    state: openState(String(settings.TABLES)),
    say: (line) => console.log(line),
    progress: showProgress,
  };
  return playMainJob(stage, contacts);
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

function printReport(report: Report): void {
  const { campaignCalls, latencyMs, differences } = report;
  console.log("\nsummary");
  console.log(
    `  records compared field by field: ${report.records}, differences: ${differences.length}, failures: ${report.failures}`,
  );
  for (const { id, what } of differences.slice(0, 10)) console.log(`    ${id}: ${what}`);
  console.log("  Campaign calls per kind of change:");
  for (const [kind, { changes, calls }] of Object.entries(campaignCalls)) {
    console.log(
      `    ${kind.padEnd(9)} ${String(changes).padStart(5)} changes  ${String(calls).padStart(5)} calls  ${(calls / changes).toFixed(2)} each`,
    );
  }
  console.log(`  change in Dynamics to profile in Campaign: p50 ${latencyMs.p50} ms, p99 ${latencyMs.p99} ms`);
  console.log(report.agree ? "  both systems agree" : "  THE SYSTEMS DIFFER");
}

function printAddresses({ addresses, settings, logDirectory }: Runtime): void {
  console.log(`
running until Ctrl-C:
  app        ${addresses.host}/api/health?code=${settings.LOCAL_FUNCTION_KEY}
  Dataverse  ${addresses.dataverse}/api/data/v9.2/   behind the scenes: ${addresses.dataverse}/_sim/state/contacts
  Campaign   ${addresses.campaign}/${settings.CAMPAIGN_TENANT}/campaign/   behind the scenes: ${addresses.campaign}/_sim/state/profile
  bus        ${addresses.bus}   behind the scenes: ${addresses.busAdmin}/_sim/state/queues
  tables     ${addresses.tables}
  logs       ${logDirectory}
look inside: npm run inspect`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
