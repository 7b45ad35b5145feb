// The Functions host as a process: `node --import tsx infra/local/host/main.ts --app DIR`. Options are in README.md.
import { parseArgs } from "node:util";
import { announceReady, closeOnSignal } from "../child.js";
import { addMissingSettings, readSettingsFile } from "./config/app-settings.js";
import { HostRefusal } from "./config/host-refusal.js";
import type { HostOptions } from "./host-options.js";
import { describeError, makeLog } from "./log.js";
import { startHost } from "./start-host.js";

const { values } = parseArgs({
  options: {
    app: { type: "string" },
    port: { type: "string", default: "7071" },
    settings: { type: "string" },
    "lock-period-ms": { type: "string" },
    "drain-ms": { type: "string" },
    instance: { type: "string" },
    "log-json": { type: "boolean", default: false },
  },
});

const log = makeLog({
  json: values["log-json"],
  minimum: "information",
  write: (line) => process.stdout.write(`${line}\n`),
  now: () => new Date(),
});

// As the worker does: an error nobody caught ends the process.
process.on("uncaughtException", (error) => {
  log({ level: "critical", message: `uncaught exception, the process ends: ${describeError(error)}` });
  process.exit(1);
});

try {
  if (values.settings !== undefined) addMissingSettings(process.env, await readSettingsFile(values.settings));
  const host = await startHost(toOptions());
  closeOnSignal(() => host.close());
  announceReady("functions-host", host.url);
} catch (error) {
  const message = error instanceof HostRefusal ? `the host does not start: ${error.message}` : describeError(error);
  const cause =
    error instanceof HostRefusal && error.cause !== undefined ? `\ncaused by ${describeError(error.cause)}` : "";
  log({ level: "critical", message: `${message}${cause}` });
  // Not only the exit code: an app that failed half-way may have left timers or sockets behind.
  process.exit(1);
}

function toOptions(): HostOptions {
  if (values.app === undefined)
    throw new HostRefusal(["--app DIR is missing: the folder of the app's package.json and host.json"]);
  const options: HostOptions = { appDir: values.app, port: toNumber("port") ?? 7071, logJson: values["log-json"] };
  const lockPeriodMs = toNumber("lock-period-ms");
  const drainMs = toNumber("drain-ms");
  if (lockPeriodMs !== undefined) options.lockPeriodMs = lockPeriodMs;
  if (drainMs !== undefined) options.drainMs = drainMs;
  if (values.instance !== undefined) options.instance = values.instance;
  return options;
}

function toNumber(name: "port" | "lock-period-ms" | "drain-ms"): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new HostRefusal([`--${name} ${text}: not a whole number`]);
  return Number(text);
}
