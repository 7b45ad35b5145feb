// Puts a host together: app, triggers, leases, HTTP. One app at a time in a process, as in the real worker.
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { closeHost } from "./close-host.js";
import type { Environment } from "./config/app-settings.js";
import { defineFunctions, type FunctionDefinition } from "./config/function-definition.js";
import { type HostJson, parseHostJson } from "./config/host-json.js";
import { HostRefusal } from "./config/host-refusal.js";
import { EXIT_TIMEOUT, type Host, type HostOptions } from "./host-options.js";
import { makeAdmin } from "./http/admin.js";
import { makeHttpServer } from "./http/http-server.js";
import { type HostKeys, makeHostKeys } from "./keys/host-keys.js";
import { makeMemoryKeys } from "./keys/memory-keys.js";
import type { LeaseStore } from "./leases/lease-store.js";
import { makeMemoryLeases } from "./leases/memory-leases.js";
import { LOG_LEVELS, type Log, makeLog } from "./log.js";
import { makeRunner, type Runner } from "./runner.js";
import type { ServiceBus } from "./service-bus/start-triggers.js";
import { readSchedules, startTimers } from "./timer/start-timers.js";
import type { TimerListener } from "./timer/timer-listener.js";
import { type LoadedApp, loadApp } from "./worker/load-app.js";

const HOST_VERSION = "4.1037.0";
const DEFAULT_LOCK_PERIOD_MS = 15_000;
const DEFAULT_DRAIN_MS = 10_000;
const DEFAULT_BODY_LIMIT = 104_857_600;
let active = false;

/**
 * Starts a host for the built app in `appDir` and resolves when it serves. Throws HostRefusal with every problem found when
 * something is missing, unreadable or not imitated; then nothing of it runs.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  if (active)
    throw new HostRefusal(["this process runs a Functions host already, start a second one as a process of its own"]);
  active = true;
  const restoreEnvironment = applyEnvironment(options.env ?? {});
  const cleanUp: (() => void)[] = [
    () => {
      active = false;
    },
    restoreEnvironment,
  ];
  try {
    return await start(options, cleanUp);
  } catch (error) {
    for (const undo of cleanUp.reverse()) undo();
    throw error;
  }
}

async function start(options: HostOptions, cleanUp: (() => void)[]): Promise<Host> {
  const environment: Environment = process.env;
  const appDir = resolve(options.appDir);
  const hostJson = await readHostJson(appDir, environment);
  const log = makeLog({
    json: options.logJson ?? false,
    minimum: minimumLevel(hostJson),
    write: options.write ?? ((line) => process.stdout.write(`${line}\n`)),
    now: () => new Date(),
  });
  const instance = options.instance ?? `${hostname()}-${process.pid}`;
  const hostId = environment.AzureFunctionsWebHost__hostid ?? digest(appDir);

  const app = await loadApp(appDir, log);
  cleanUp.push(app.unload);
  const metadata = [...app.registry.functions.values()].map((registered) => registered.metadata);
  const functions = defineFunctions(metadata, environment);
  const schedules = readSchedules(functions, new Date());
  const bus = await prepareBus(functions, hostJson, environment, app, log);
  const leases = options.leases ?? (await makeLeases(schedules.size > 0, environment, hostId, log));

  const runner = makeRunner({
    app,
    log,
    timeoutMs: hostJson.functionTimeout,
    onTimeout: (name) => {
      const message = "functionTimeout exceeded: the process ends, as the worker would be killed";
      log({ level: "critical", function: name, message });
      if (options.onTimeout) options.onTimeout();
      else process.exit(EXIT_TIMEOUT);
    },
    sendOutputs: async (definition, response) => bus?.outputs.send(definition, response),
  });

  const status = (): Record<string, unknown> => ({
    id: hostId,
    state: "Running",
    version: HOST_VERSION,
    instanceId: instance,
    processUptime: Math.round(process.uptime() * 1000),
  });
  const timers = new Map<string, TimerListener>();
  const keys = await makeKeys(environment, hostId);
  warnAboutMissingKeys(functions, environment.LOCAL_FUNCTION_KEY, log);
  const server = makeServer({ functions, hostJson, environment, keys, runner, log, timers, status });
  const port = await listen(server, options.port ?? 0);

  const owner = `${instance}/${randomUUID()}`;
  const lockPeriodMs = options.lockPeriodMs ?? hostJson.singleton.listenerLockPeriod ?? DEFAULT_LOCK_PERIOD_MS;
  startTimers({ functions, schedules, leases, owner, lockPeriodMs, runner, log }, timers);
  bus?.start(runner);
  log({ level: "information", message: `host ${instance} started with ${functions.length} functions` });

  const close = async (): Promise<void> => {
    await closeHost({ app, server, timers: timers.values(), bus, runner, log }, options.drainMs ?? DEFAULT_DRAIN_MS);
    for (const undo of cleanUp.reverse()) undo();
  };
  let closing: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    functions,
    runTimer: (name) => {
      const timer = timers.get(name);
      if (!timer) throw new RangeError(`no timer ${name} runs here`);
      timer.runNow();
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

interface ServerParts {
  functions: readonly FunctionDefinition[];
  hostJson: HostJson;
  environment: Environment;
  keys: HostKeys;
  runner: Runner;
  log: Log;
  timers: ReadonlyMap<string, TimerListener>;
  status(): Record<string, unknown>;
}

function makeServer({ functions, hostJson, environment, keys, runner, log, timers, status }: ServerParts): Server {
  const runTimer = (name: string): boolean => {
    timers.get(name)?.runNow();
    return timers.has(name);
  };
  return makeHttpServer({
    functions,
    http: hostJson.extensions.http,
    keys,
    runner,
    log,
    bodyLimitBytes: readBodyLimit(environment),
    homePage: environment.AzureWebJobsDisableHomepage?.toLowerCase() !== "true",
    admin: makeAdmin({ functions, keys, status, runTimer }),
  });
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HostRefusal([`port ${port} cannot be opened: ${reason}`], { cause });
  });
  return (server.address() as AddressInfo).port;
}

function applyEnvironment(values: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

async function readHostJson(appDir: string, environment: Environment): Promise<HostJson> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(join(appDir, "host.json"), "utf8"));
  } catch (cause) {
    throw new HostRefusal(["host.json of the app must exist and be JSON"], { cause });
  }
  return parseHostJson(content, environment);
}

function minimumLevel(hostJson: HostJson): (typeof LOG_LEVELS)[number] {
  const configured = hostJson.logging.logLevel.default?.toLowerCase();
  return LOG_LEVELS.find((level) => level === configured) ?? "information";
}

/** The client library is loaded only when a function uses Service Bus. */
async function prepareBus(
  functions: readonly FunctionDefinition[],
  hostJson: HostJson,
  environment: Environment,
  app: LoadedApp,
  log: Log,
): Promise<ServiceBus | undefined> {
  if (!functions.some(({ trigger, outputs }) => trigger.kind === "serviceBus" || outputs.length > 0)) return undefined;
  const { prepareServiceBus } = await import("./service-bus/start-triggers.js");
  const includeEmpty = Boolean(app.capabilities.IncludeEmptyEntriesInMessagePayload);
  return prepareServiceBus({ functions, options: hostJson.extensions.serviceBus, environment, includeEmpty, log });
}

function readBodyLimit(environment: Environment): number {
  const limit = Number(environment.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT ?? DEFAULT_BODY_LIMIT);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new HostRefusal(["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT must be a whole number of bytes"]);
}

async function makeLeases(hasTimers: boolean, environment: Environment, hostId: string, log: Log): Promise<LeaseStore> {
  const connectionString = environment.AzureWebJobsStorage;
  if (!hasTimers) return makeMemoryLeases();
  if (!connectionString) {
    log({
      level: "warning",
      message: "AzureWebJobsStorage is not set: timers are not shared with other hosts and forget their status",
    });
    return makeMemoryLeases();
  }
  const { makeTableLeases } = await import("./leases/table-leases.js");
  return makeTableLeases({ connectionString, hostId });
}

async function makeKeys(environment: Environment, hostId: string): Promise<HostKeys> {
  const { AzureWebJobsStorage: connectionString, LOCAL_FUNCTION_KEY, LOCAL_MASTER_KEY } = environment;
  const options = { function: LOCAL_FUNCTION_KEY, master: LOCAL_MASTER_KEY };
  if (!connectionString) return makeHostKeys({ ...options, store: makeMemoryKeys() });
  const { makeTableKeys } = await import("./keys/table-keys.js");
  return makeHostKeys({ ...options, store: makeTableKeys({ connectionString, hostId }) });
}

function warnAboutMissingKeys(functions: readonly FunctionDefinition[], key: string | undefined, log: Log): void {
  const shut = functions
    .filter(({ trigger }) => trigger.kind === "http" && trigger.authLevel === "function")
    .map(({ name }) => name);
  if (key || shut.length === 0) return;
  log({
    level: "warning",
    message: `LOCAL_FUNCTION_KEY is not set: ${shut.join(", ")} answer 401 to everyone without the master key, until a key is set`,
  });
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
