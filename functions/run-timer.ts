// A timer whose runs fail alike: egress-pull, egress-checks, egress-backfill, optout-pull, optout-reconcile, monitor. What a run does is its own file's business.

import { app, type InvocationContext } from "@azure/functions";
import type { Gates } from "../shared/flows/ports.js";
import type { Log } from "../shared/log/log.js";
import type { Clock } from "../shared/model/clock.js";
import { failedRun } from "./failed-run.js";
import { logOf } from "./log-of.js";

/** `failed`: the log line of a run that throws. `ready`: what must be there before a run. */
interface RunTimer {
  name: string;
  schedule: string;
  failed: string;
  ports: { gates: Gates; clock: Clock };
  ready?: () => Promise<unknown>;
}

/** One run, which began at `startedAt` (epoch ms). */
type Run = (log: Log, startedAt: number) => Promise<void>;

/** Registers a timer. What becomes of a run that fails is failed-run.ts. */
export function runTimer({ name, schedule, failed, ports: { gates, clock }, ready }: RunTimer, run: Run): void {
  app.timer(name, {
    schedule,
    handler: async (_timer: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      try {
        await ready?.();
        await run(log, clock.now());
      } catch (error) {
        await failedRun(log, gates, failed, error);
      }
    },
  });
}
