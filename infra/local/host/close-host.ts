// The orderly end of a host, every step of it bounded in time.
import { once } from "node:events";
import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describeError, type Log } from "./log.js";
import type { Runner } from "./runner.js";
import type { ServiceBus } from "./service-bus/start-triggers.js";
import type { TimerListener } from "./timer/timer-listener.js";
import { runHooks } from "./worker/invoke.js";
import type { LoadedApp } from "./worker/load-app.js";

/** What there is to end. */
export interface RunningParts {
  app: LoadedApp;
  server: Server;
  timers: Iterable<TimerListener>;
  bus: ServiceBus | undefined;
  runner: Runner;
  log: Log;
}

/** How long a closing host waits for the bus to say goodbye, and for the last answers to leave. */
const DISCONNECT_MS = 2_000;
const FLUSH_MS = 500;

/**
 * Takes no more work, lets what runs end and settle for up to `drainMs`, gives leases and sessions back, then runs the
 * appTerminate hooks. What still runs after that is left to the end of the process. Never rejects.
 */
export async function closeHost(
  { app, server, timers, bus, runner, log }: RunningParts,
  drainMs: number,
): Promise<void> {
  const closed = once(server, "close");
  server.close();
  const finished = Promise.allSettled([...[...timers].map((timer) => timer.stop()), bus?.stop(), runner.drained()]);
  const inTime = await within(finished, drainMs);
  if (!inTime) log({ level: "warning", message: `invocations still run after ${drainMs} ms and are abandoned` });
  if (bus) await within(bus.disconnect(), DISCONNECT_MS);

  const terminated = runHooks(app.registry.hooks("appTerminate"), {
    hookData: app.hookData,
    appHookData: app.appHookData,
  });
  await within(terminated, drainMs).catch((error: unknown) => {
    log({ level: "error", message: `an appTerminate hook failed: ${describeError(error)}` });
  });

  server.closeIdleConnections();
  await within(closed, FLUSH_MS);
  server.closeAllConnections();
  await closed;
}

/** Whether `work` ended within `ms`; rejects as it does. */
async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  return Promise.race([work.then(() => true), sleep(ms, false, { ref: false })]);
}
