// Starting, killing and ending the processes of the local runtime. What they are is runtime.ts.

import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { stopMessage } from "./stop-message.js";

/** One process: `address` is what it said when it was ready, and stays its address over restarts. */
export interface LocalProcess {
  readonly name: string;
  readonly address: string;
  readonly pid: number | undefined;
  /** Ends it at once, as a crash does. Both answer how it ended: `exit code 0`, or the signal. */
  kill(): Promise<string>;
  /** Ends it in order. */
  stop(): Promise<string>;
}

/** How to start one process; `script` is a TypeScript file of the repository. */
export interface ProcessPlan {
  name: string;
  script: string;
  args: readonly string[];
  env?: Record<string, string>;
  /** Its output goes here, in full. */
  logFile?: string;
  /** How it is asked to end in order; a message where the platform has no signals. */
  stopBy?: "signal" | "message";
  /** Told of an end that nobody asked for. */
  onUnexpectedEnd?: (how: string) => void;
}

const readyWithinMs = 60_000;
const stopWithinMs = 10_000;

/**
 * Starts a process and answers when it is ready. It ends when this one does, by whatever death (the IPC channel closes).
 * Throws with the end of its output when it ends before it is ready.
 */
export async function startProcess(plan: ProcessPlan): Promise<LocalProcess> {
  const { stopBy = process.platform === "win32" ? "message" : "signal" } = plan;
  const child = spawn(process.execPath, ["--import", "tsx", plan.script, ...plan.args], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, ...plan.env },
  });
  const log = plan.logFile === undefined ? undefined : createWriteStream(plan.logFile, { flags: "a" });
  const tail = keepTail(child, log);
  let ending = false;
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const address = await ready(child, ended, plan.name, tail);
  void ended.then((how) => {
    log?.end();
    if (!ending) plan.onUnexpectedEnd?.(how);
  });

  const end = async (ask: () => void): Promise<string> => {
    ending = true;
    if (child.exitCode === null && child.signalCode === null) ask();
    await Promise.race([ended, unrefTimeout(stopWithinMs)]);
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    return ended;
  };
  return {
    name: plan.name,
    address,
    pid: child.pid,
    kill: () => end(() => void child.kill("SIGKILL")),
    stop: () => end(() => void (stopBy === "message" ? child.send(stopMessage) : child.kill("SIGTERM"))),
  };
}

const longestTail = 4_000;

function keepTail(child: ChildProcess, log: WriteStream | undefined): () => string {
  let tail = "";
  const take = (chunk: Buffer): void => {
    log?.write(chunk);
    tail = (tail + chunk.toString("utf8")).slice(-longestTail);
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  return () => tail;
}

async function ready(child: ChildProcess, ended: Promise<string>, name: string, tail: () => string): Promise<string> {
  const said = new Promise<string>((resolve) => {
    child.on("message", (message: unknown) => {
      if (typeof message === "object" && message !== null && "ready" in message && "address" in message) {
        resolve(String(message.address));
      }
    });
  });
  const outcome = await Promise.race([
    said.then((address) => ({ address })),
    ended.then((how) => ({ problem: `ended with ${how}` })),
    unrefTimeout(readyWithinMs).then(() => ({ problem: "did not get ready" })),
  ]);
  if ("address" in outcome) return outcome.address;
  child.kill("SIGKILL");
  throw new Error(`${name} ${outcome.problem}. Its last words:\n${tail()}`);
}

function unrefTimeout(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
