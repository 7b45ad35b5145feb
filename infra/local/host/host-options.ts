import type { FunctionDefinition } from "./config/function-definition.js";
import type { LeaseStore } from "./leases/lease-store.js";

/** How to start a host; the command line of main.ts sets the same. */
export interface HostOptions {
  /** Folder of package.json and host.json. */
  appDir: string;
  /** 0 or absent: any free port. */
  port?: number;
  /** App settings put into process.env for the life of this host; they win over what is there. */
  env?: Readonly<Record<string, string>>;
  /** Where timers keep leases and status; default: Table Storage of `AzureWebJobsStorage`, in memory without that setting. */
  leases?: LeaseStore;
  /** How long a timer lease lasts without renewal; default `singleton.listenerLockPeriod` of host.json, else 15 s. */
  lockPeriodMs?: number;
  /** Name of this instance in logs and leases; default host name and process id. */
  instance?: string;
  /** How long `close` waits for running invocations; default 10 s. */
  drainMs?: number;
  logJson?: boolean;
  /** Receives each log line; default stdout. */
  write?: (line: string) => void;
  /** An invocation exceeded functionTimeout; default: the process exits with EXIT_TIMEOUT, as the worker is killed. */
  onTimeout?: () => void;
}

/** A host that serves. */
export interface Host {
  /** `http://127.0.0.1:PORT` */
  url: string;
  functions: readonly FunctionDefinition[];
  /** Runs a timer once, now. Throws RangeError when no such timer runs here. */
  runTimer(name: string): void;
  /** Takes no more work, waits for what is running (up to `drainMs`), runs appTerminate hooks. Safe to call twice. */
  close(): Promise<void>;
}

/** Exit code after an invocation exceeded functionTimeout. */
export const EXIT_TIMEOUT = 3;
