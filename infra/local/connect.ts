// npm start -- --connect FILE: the app on this machine between a real Dynamics and a real Campaign, or one of them and a stand-in. Bus and tables are those of
// the local runtime, the state is kept from run to run. Which settings that takes is connect-settings.ts, what is shown connect-report.ts.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { readStatus } from "../../shared/control/status.js";
import { errorKind, safeMessage } from "../../shared/errors.js";
import { countOutcomes } from "../../shared/flows/dry-count.js";
import { publishSettings } from "../../shared/flows/publish-settings.js";
import { makeServices, type Services, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";
import { readDocument } from "../dataverse/read-mappings.js";
import { type ConnectReport, isDone, makeReport, progressLines, reportLines } from "./connect-report.js";
import { type Connection, readConnection } from "./connect-settings.js";
import { makeActivityTables } from "./events-job.js";
import { makeOperator, type Operator } from "./operator.js";
import { keepDirectory, type Ports, type Runtime, startRuntime } from "./runtime.js";

/** How to connect. `write`: not only on paper. `once`: ends when all is read and nothing waits. `mayLoopBack`: as in connect-settings.ts. */
export interface ConnectOptions {
  file: string;
  write: boolean;
  once: boolean;
  /** Table mappings to publish before anything is read; without any those in force. */
  mappings: readonly string[];
  /** Keeps the state from run to run. */
  directory: string;
  ports: Ports;
  app: string | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  say: (line: string) => void;
  /** Ends the run in order when it says so. */
  signal: AbortSignal;
  mayLoopBack?: boolean;
}

const progressEveryMs = 3_000;
/** So long one line of progress may count. */
const countEveryMs = 2_000;

/** Runs until it is done, or told to end; answers what came of it. Throws what is wrong with the file, the systems or the folder, in words. */
export async function connect(options: ConnectOptions): Promise<ConnectReport> {
  const { file, directory, write, say, signal, mayLoopBack = false } = options;
  const connection = readConnection({
    file,
    text: textOf(file),
    environment: options.environment,
    isDryRun: !write,
    fingerprintKey: "read from the folder below",
    mayLoopBack,
  });
  const { real } = connection;
  for (const line of openingLines(connection, options)) say(line);
  const runtime = await startRuntime({
    directory,
    kept: true,
    ports: options.ports,
    app: options.app,
    without: [...(real.dynamics ? (["dataverse"] as const) : []), ...(real.campaign ? (["campaign"] as const) : [])],
    settings: { ...connection.settings, FINGERPRINT_KEY: fingerprintKeyOf(directory) },
    onUnexpectedEnd: (name, how) => {
      if (!signal.aborted) say(`${name} ended unexpectedly (${how}); its log is in ${directory}/logs/${name}.log`);
    },
  });
  try {
    return await run(runtime, connection, options);
  } finally {
    await runtime.stop();
  }
}

async function run(runtime: Runtime, { real }: Connection, options: ConnectOptions): Promise<ConnectReport> {
  const { say, signal, once } = options;
  const services = makeServices(loadSettings(runtime.settings));
  await prepare(services, runtime, real, options);
  const callsBefore = (await services.controlPorts.usageToday()) ?? {};
  const startedAt = new Date().toISOString();
  await runtime.startHost();
  const operator = makeOperator(() => runtime.addresses.host, String(runtime.settings.LOCAL_FUNCTION_KEY));
  const look = (countMs: number): Promise<ConnectReport> =>
    reportOf(operator, services, { real, callsBefore, startedAt }, countMs);
  const until = once ? "until all is read" : "until Ctrl-C";
  say(`\nrunning ${until}; operated at ${runtime.addresses.host}/api/control (docs/operate.md)`);

  let [report, shown, doneTwice] = [await look(countEveryMs), "", false];
  while (!signal.aborted && !doneTwice) {
    const lines = progressLines(report).join("\n");
    if (lines !== shown) say(lines);
    shown = lines;
    const wasDone = isDone(report);
    await pause(progressEveryMs, signal);
    // The terminal's Ctrl-C ends the tables, too.
    if (signal.aborted) break;
    report = await look(countEveryMs);
    // What is handled puts other messages onto the queue.
    doneTwice = once && wasDone && isDone(report);
  }
  if (!signal.aborted) report = await look(Number.POSITIVE_INFINITY);
  for (const line of reportLines(report)) say(line);
  return report;
}

/** Everything that can be wrong is found before the app runs: credentials, another environment's state, mappings. */
async function prepare(
  services: Services,
  runtime: Runtime,
  real: Connection["real"],
  { say, mappings }: ConnectOptions,
): Promise<void> {
  await services.probeBinding();
  await services.campaignToken();
  say("signed in to both; the folder's state belongs to them");
  if (!real.dynamics && (await services.egress.ports.settings()).types.size > 0) {
    await makeActivityTables(runtime.settings, (what) => say(`  Dynamics: ${what}`));
  }
  if (mappings.length === 0) return;
  const documents = mappings.map(readDocument);
  const result = await publishSettings(services.publishing, { documents, by: "connect", note: "npm start" });
  for (const { path, problem, fix } of [...result.problems, ...result.warnings]) say(`  ${path} ${problem}. ${fix}`);
  if (result.outcome === "refused") throw new Error("the mappings were not published: put right what is listed above");
  say(`settings version ${result.version} is in force`);
}

/** Asks the host, which knows of calls that it has not stored yet. Counting what a dry run noted stops after `countMs`. */
async function reportOf(
  operator: Operator,
  { dryRun }: Services,
  known: Parameters<typeof makeReport>[2],
  countMs: number,
): Promise<ConnectReport> {
  const counted = dryRun && (await countOutcomes(dryRun.run, systemClock, systemClock.now() + countMs));
  const status = (await operator.send("GET", "/status")) as Awaited<ReturnType<typeof readStatus>>;
  return makeReport(status, counted, known);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new Error(`${file} cannot be read: copy infra/local/connect.sample.json and name your systems in it`);
  }
}

/** The same in every run, so that what was written is known again; nobody else's. */
function fingerprintKeyOf(directory: string): string {
  keepDirectory(directory);
  const file = join(directory, "fingerprint-key");
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const key = randomBytes(32).toString("base64url");
  writeFileSync(file, `${key}\n`, { mode: 0o600 });
  return key;
}

function openingLines({ real, settings }: Connection, { write, directory }: ConnectOptions): string[] {
  const { DYNAMICS_URL: dynamics, CAMPAIGN_TENANT: tenant } = settings;
  return [
    `Dynamics  ${real.dynamics ? `REAL, ${dynamics}` : "stand-in on this machine; nothing is invented for it"}`,
    `Campaign  ${real.campaign ? `REAL, ${tenant}` : "stand-in on this machine"}`,
    write ? "WRITE: what differs is written for real" : "DRY RUN: nothing is written; --write does",
    "changes are found by change tracking; no webhook is registered",
    `state and logs in ${directory}, kept for the next run`,
    ...(real.dynamics && !real.campaign && write
      ? [`the stand-in keeps what it is given, people's data of Dynamics, in ${join(directory, "data", "campaign")}`]
      : []),
  ];
}

/** What went wrong, for the terminal. */
export function whyNotConnected(error: unknown): string {
  return errorKind(error) === "bug" && error instanceof Error ? error.message : safeMessage(error);
}
