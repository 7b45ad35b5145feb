// Hosts for tests, in process and as processes, with their log to wait on.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Host, HostOptions } from "../../../infra/local/host/host-options.js";
import { startHost } from "../../../infra/local/host/start-host.js";

const main = fileURLToPath(new URL("../../../infra/local/host/main.ts", import.meta.url));
const WAIT_MS = 15_000;

/** One entry of a host's JSON log. */
export interface Entry {
  time: string;
  level: string;
  message: string;
  function?: string;
  invocationId?: string;
}

/** What a host has logged, and a way to wait for more. */
export interface HostLog {
  entries: Entry[];
  add(line: string): void;
  /** Resolves with the first entry that `matches`, past or future; rejects after 15 s with the last entries. */
  until(matches: (entry: Entry) => boolean): Promise<Entry>;
  /** JSON texts logged by a function, in order. */
  said(name: string): unknown[];
}

export function makeHostLog(): HostLog {
  const entries: Entry[] = [];
  const waiting = new Set<() => void>();
  return {
    entries,
    add: (line) => {
      if (!line.startsWith("{")) return;
      entries.push(JSON.parse(line));
      for (const look of [...waiting]) look();
    },
    until: (matches) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          const last = entries.slice(-8).map((entry) => `${entry.function ?? "host"}: ${entry.message}`);
          reject(new Error(`nothing such was logged; last entries:\n${last.join("\n")}`));
        }, WAIT_MS);
        const look = (): void => {
          const found = entries.find(matches);
          if (!found) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    said: (name) =>
      entries
        .filter((entry) => entry.function === name && entry.message.startsWith("{"))
        .map((entry) => JSON.parse(entry.message)),
  };
}

/** A host in this process and its log. */
export async function startTestHost(options: HostOptions): Promise<Host & { log: HostLog }> {
  const log = makeHostLog();
  const host = await startHost({ drainMs: 3_000, ...options, logJson: true, write: log.add });
  return { ...host, log };
}

/** A host as a process. */
export interface HostProcess {
  url: string;
  log: HostLog;
  child: ChildProcess;
  /** Everything on stdout and stderr so far. */
  output(): string;
  kill(signal: NodeJS.Signals): Promise<{ code: number | null; signal: string | null }>;
  exited: Promise<{ code: number | null; signal: string | null }>;
}

/** Spawns a host; resolves when it is ready or has ended (then `url` is empty). */
export async function spawnHost(
  appDir: string,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<HostProcess> {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", main, "--app", appDir, "--port", "0", "--log-json", ...args],
    {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, ...env },
    },
  );
  const log = makeHostLog();
  let text = "";
  child.stderr?.on("data", (chunk) => {
    text += chunk;
  });
  if (child.stdout) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      text += `${line}\n`;
      log.add(line);
    });
  }
  const exited = once(child, "close").then(([code, signal]) => ({ code, signal }));
  const ready = once(child, "message").then(([message]) => String((message as { address: unknown }).address));
  const url = await Promise.race([ready, exited.then(() => "")]);
  return {
    url,
    log,
    child,
    output: () => text,
    exited,
    kill: (signal) => {
      child.kill(signal);
      return exited;
    },
  };
}
