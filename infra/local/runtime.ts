// The local runtime as a whole: bus, tables, both simulators and any number of Functions hosts, each a process of its own that can
// be killed and started again while the others live. What it is used for is run.ts and the system tests.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type SettingDefinition, settingDefinitions } from "../../shared/settings/schema.js";
import { buildApp } from "../build.js";
import type { InstanceConfiguration } from "./campaign/model/instance.js";
import { type LocalProcess, type ProcessPlan, startProcess } from "./processes.js";
import { brokerQueues } from "./queues.js";
import { makeSftpKeys, type SftpKeys } from "./sftp/keys.js";

/** Ports of the local runtime (design.md §9). */
export interface Ports {
  host: number;
  dataverse: number;
  campaign: number;
  bus: number;
  busAdmin: number;
  tables: number;
  sftp: number;
}

/** The standard ports; 0 in a test means any free one. */
export const standardPorts: Ports = {
  host: 7071,
  dataverse: 7081,
  campaign: 7082,
  bus: 5672,
  busAdmin: 5673,
  tables: 10002,
  sftp: 2222,
};

/** Name of a process that can be killed and started again. Hosts are `host`, `host-2`, … */
export type ServiceName = (typeof serviceNames)[number];
const serviceNames = ["bus", "tables", "dataverse", "campaign"] as const;

/** How to start the runtime. `directory` holds its state and logs and is emptied first, unless it is to be `kept` from run to run. */
export interface RuntimeOptions {
  directory: string;
  kept?: boolean;
  /** Stand-ins that nobody needs: others take their place. */
  without?: readonly ServiceName[];
  ports: Ports;
  /** App settings that differ from those of local.settings.sample.json. */
  settings?: Record<string, string>;
  /** What Campaign's administrators configured; without it the simulator's own instance. */
  campaignInstance?: InstanceConfiguration | undefined;
  /** Folder of an app that is packaged already; without it the repository's is built. */
  app?: string | undefined;
  /** Options of the simulators' processes. */
  args?: Partial<Record<ServiceName, readonly string[]>>;
  /** How long a dead host's timers stay its own, in ms. */
  lockPeriodMs?: number;
  onUnexpectedEnd?: (name: string, how: string) => void;
}

/** A running runtime. Addresses have no trailing slash. */
export interface Runtime {
  readonly addresses: Readonly<Record<"host" | "dataverse" | "campaign" | "bus" | "busAdmin" | "tables", string>>;
  /** App settings as a host gets them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly logDirectory: string;
  /** Starts a Functions host; the first one takes the host port. */
  startHost(name?: string, settings?: Record<string, string>): Promise<LocalProcess>;
  kill(name: ServiceName): Promise<void>;
  /** Starts a killed process again, on its old port and data. */
  restart(name: ServiceName): Promise<void>;
  stop(): Promise<void>;
}

/** Starts everything but the hosts, in parallel, and builds the app. Throws when a port is taken, naming it. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  // Everything is on this machine: a corporate proxy in the environment must not get in between.
  process.env.NO_PROXY = [process.env.NO_PROXY, "127.0.0.1", "localhost"].filter(Boolean).join(",");
  if (options.kept) keepDirectory(options.directory);
  else emptyDirectory(options.directory);
  const logDirectory = join(options.directory, "logs");
  const appDirectory = options.app ?? join(options.directory, "app");
  mkdirSync(logDirectory, { recursive: true });
  const ports = await settlePorts(options.ports);
  const sftp = makeSftpKeys(join(options.directory, "sftp"));
  const plans = servicePlans(options, ports, logDirectory, sftp);

  const running = new Map<string, LocalProcess>();
  const starting = new Set<Promise<LocalProcess>>();
  const startAs = async (name: string, plan: ProcessPlan): Promise<LocalProcess> => {
    const start = startProcess(plan);
    starting.add(start);
    const process = await start.finally(() => starting.delete(start));
    running.set(name, process);
    return process;
  };
  const start = async (name: ServiceName): Promise<void> => void (await startAs(name, plans[name]));
  const stop = async (): Promise<void> => {
    await Promise.allSettled(starting);
    // Hosts first: what they are doing wants its peers.
    const hosts = [...running.values()].filter(({ name }) => name.startsWith("host"));
    await Promise.all(hosts.map((host) => host.stop()));
    await Promise.all([...running.values()].map((process) => process.stop()));
  };
  try {
    await Promise.all([
      ...serviceNames.filter((name) => options.without?.includes(name) !== true).map(start),
      options.app ?? packApp(appDirectory),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }

  const settings = appSettings(ports, sftp, options.settings);
  return {
    addresses: {
      host: `http://127.0.0.1:${ports.host}`,
      dataverse: `http://127.0.0.1:${ports.dataverse}`,
      campaign: `http://127.0.0.1:${ports.campaign}`,
      bus: `amqp://127.0.0.1:${ports.bus}`,
      busAdmin: `http://127.0.0.1:${ports.busAdmin}`,
      tables: `http://127.0.0.1:${ports.tables}`,
    },
    settings,
    logDirectory,
    async startHost(name = "host", extra = {}) {
      return startAs(name, {
        name,
        script: "infra/local/host/main.ts",
        args: [
          ...["--app", appDirectory, "--instance", name, "--port", String(name === "host" ? ports.host : 0)],
          ...(options.lockPeriodMs === undefined ? [] : ["--lock-period-ms", String(options.lockPeriodMs)]),
        ],
        env: { ...settings, ...extra },
        logFile: join(logDirectory, `${name}.log`),
        onUnexpectedEnd: (how) => options.onUnexpectedEnd?.(name, how),
      });
    },
    async kill(name) {
      await running.get(name)?.kill();
    },
    restart: start,
    stop,
  };
}

const marker = "local-runtime";
const keptMarker = "connected-runtime";

/** Makes a directory whose state the next run goes on with; refuses anybody else's. Twice is once. */
export function keepDirectory(directory: string): void {
  const held = heldIn(directory);
  if (held.length > 0 && !held.includes(keptMarker)) {
    throw new Error(`${directory} holds something else: name another one with --directory`);
  }
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, keptMarker),
    "state and logs of npm start -- --connect; the next one goes on with them\n",
  );
}

function heldIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** Empties a directory that an earlier run made; refuses to touch anybody else's. */
function emptyDirectory(directory: string): void {
  const held = heldIn(directory);
  if (held.length > 0 && !held.includes(marker)) {
    throw new Error(`${directory} is not empty and not the local runtime's: name another one with --directory`);
  }
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, marker), "state and logs of npm start; emptied by the next one\n");
}

/** The app as it is deployed: package.json, host.json and the bundle, and nothing else. */
async function packApp(directory: string): Promise<void> {
  mkdirSync(join(directory, "dist"), { recursive: true });
  await buildApp(join(directory, "dist", "main.cjs"));
  copyFileSync("host.json", join(directory, "host.json"));
  copyFileSync("package.json", join(directory, "package.json"));
}

function servicePlans(
  options: RuntimeOptions,
  ports: Ports,
  logDirectory: string,
  sftp: SftpKeys,
): Record<ServiceName, ProcessPlan> {
  const queueFile = join(options.directory, "queues.json");
  writeFileSync(queueFile, JSON.stringify(brokerQueues()));
  const instance = options.campaignInstance;
  const instanceFile = join(options.directory, "campaign-instance.json");
  if (instance) writeFileSync(instanceFile, JSON.stringify(instance));
  const data = (name: string): string[] => {
    const directory = join(options.directory, "data", name);
    mkdirSync(directory, { recursive: true });
    return ["--data", directory];
  };
  const plan = (name: ServiceName, args: string[]): ProcessPlan => ({
    name,
    script: `infra/local/${name}/main.ts`,
    args: [...args, ...data(name), ...(options.args?.[name] ?? [])],
    logFile: join(logDirectory, `${name}.log`),
    onUnexpectedEnd: (how) => options.onUnexpectedEnd?.(name, how),
  });
  return {
    bus: plan("bus", ["--port", String(ports.bus), "--admin-port", String(ports.busAdmin), "--queues", queueFile]),
    tables: plan("tables", ["--port", String(ports.tables)]),
    dataverse: plan("dataverse", ["--port", String(ports.dataverse)]),
    campaign: plan("campaign", [
      ...["--port", String(ports.campaign), ...(instance ? ["--resources", instanceFile] : [])],
      ...["--sftp-port", String(ports.sftp), "--sftp-public-key", sftp.publicFile, "--sftp-host-key", sftp.hostFile],
    ]),
  };
}

function appSettings(ports: Ports, sftp: SftpKeys, extra: Record<string, string> = {}): Record<string, string> {
  const samples = Object.entries<SettingDefinition>(settingDefinitions)
    .filter(([, { sample }]) => sample !== "")
    .map(([name, { sample }]) => [name, withPorts(sample, ports)]);
  const own: Record<string, string> = Object.fromEntries(samples);
  return {
    ...own,
    FUNCTIONS_WORKER_RUNTIME: "node",
    AzureWebJobsStorage: String(own.TABLES),
    LOCAL_FUNCTION_KEY: "local-function-key",
    LOCAL_MASTER_KEY: "local-master-key",
    TZ: "UTC",
    CAMPAIGN_SFTP_HOST: `127.0.0.1:${ports.sftp}`,
    CAMPAIGN_SFTP_USER: "campaign",
    CAMPAIGN_SFTP_KEY: sftp.private,
    CAMPAIGN_SFTP_HOST_KEY: sftp.hostKeyFingerprint,
    ...extra,
  };
}

function withPorts(sample: string, ports: Ports): string {
  return (["dataverse", "campaign", "bus", "tables"] as const).reduce(
    (text, name) => text.replaceAll(`127.0.0.1:${standardPorts[name]}`, `127.0.0.1:${ports[name]}`),
    sample,
  );
}

/** Replaces 0 by free ports and makes sure that the others are free. */
async function settlePorts(wanted: Ports): Promise<Ports> {
  const settled: Partial<Ports> = {};
  const taken: string[] = [];
  for (const [name, port] of Object.entries(wanted) as [keyof Ports, number][]) {
    const free = await tryPort(port);
    if (free === undefined) taken.push(`${port} (${name})`);
    else settled[name] = free;
  }
  if (taken.length === 0) return settled as Ports;
  throw new Error(
    `in use by another program: port ${taken.join(", ")}. Is the local runtime running already? Other ports: npm start -- --port-<name> N`,
  );
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : undefined));
    });
  });
}
