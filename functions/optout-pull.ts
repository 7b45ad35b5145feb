import { app, type InvocationContext } from "@azure/functions";
import { pullOptOuts } from "../shared/flows/pull-opt-outs.js";
import type { Services } from "../shared/services.js";
import { failedRun } from "./failed-run.js";
import { logOf } from "./log-of.js";

/** How long one run may read; the next goes on from its checkpoint. */
const budgetMs = 10 * 60_000;

/** Rings for contacts whose opt-outs changed in Campaign. A run that fails leaves its checkpoint; the next goes on from there. */
export function registerOptOutPull({ optOutPull: { ports, pace, schedule } }: Services): void {
  app.timer("optout-pull", {
    schedule,
    handler: async (_timer: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      const started = ports.clock.now();
      try {
        const { warnings, isOff, ...done } = await pullOptOuts(ports, pace, started + budgetMs);
        for (const what of warnings) log.error("opt-outs may be missed", { what });
        if (!isOff) log.info("opt-outs pulled", { ...done, ms: ports.clock.now() - started });
      } catch (error) {
        await failedRun(log, ports.gates, "pulling opt-outs failed", error);
      }
    },
  });
}
