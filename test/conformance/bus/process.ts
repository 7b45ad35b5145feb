import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServiceBusClient } from "@azure/service-bus";
import { onTestFinished } from "vitest";
import type { QueueSettings } from "../../../infra/local/bus/core/queue-options.js";

const main = fileURLToPath(new URL("../../../infra/local/bus/main.ts", import.meta.url));

/** A broker in a process of its own. */
export interface BusProcess {
  readonly connectionString: string;
  readonly adminUrl: string;
  readonly output: string;
  connect(): ServiceBusClient;
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
}

/** A directory that is removed when the test is over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "bus-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const untilReady = (child: ChildProcess, read: () => string): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      if (/bus ready at .*\n/.test(read())) done(resolve);
    }, 10);
    const done = (end: () => void): void => {
      clearInterval(timer);
      end();
    };
    child.once("exit", (code) => done(() => reject(new Error(`the broker ended with ${code}: ${read()}`))));
  });

/** Starts `main.ts` on free ports; killed, at the latest, when the test is over. */
export async function startBusProcess(queues: QueueSettings[], extra: string[] = []): Promise<BusProcess> {
  const file = join(temporaryDirectory(), "queues.json");
  writeFileSync(file, JSON.stringify(queues));
  const args = ["--import", "tsx", main, "--port", "0", "--admin-port", "0", "--queues", file, ...extra];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const clients: ServiceBusClient[] = [];

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, "exit");
    child.kill(signal);
    const [code] = await exited;
    return code;
  };
  onTestFinished(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await end("SIGKILL");
  });

  await untilReady(child, () => output);
  const connectionString = /bus ready at (.*)/.exec(output)?.[1] ?? "";
  return {
    connectionString,
    adminUrl: /bus admin at (.*)/.exec(output)?.[1] ?? "",
    get output() {
      return output;
    },
    connect() {
      const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs: 3000 } });
      clients.push(client);
      return client;
    },
    kill: async () => void (await end("SIGKILL")),
    stop: () => end("SIGTERM"),
  };
}
