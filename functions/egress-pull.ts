import { randomUUID } from "node:crypto";
import { app, type InvocationContext } from "@azure/functions";
import { runPull } from "../shared/flows/run-pull.js";
import type { Services } from "../shared/services.js";
import { failedRun } from "./failed-run.js";
import { logOf } from "./log-of.js";

/** How long one run may read; the next goes on from its checkpoint. */
const budgetMs = 10 * 60_000;

/** Campaign's e-mail events onto the timelines of Dynamics. A run that fails leaves its checkpoint; the next goes on from there. */
export function registerEgressPull({ egress, controlPorts }: Services): void {
  const { ports, pace, schedule } = egress;
  app.timer("egress-pull", {
    schedule,
    handler: async (_timer: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      const started = ports.clock.now();
      try {
        await controlPorts.ready();
        const result = await runPull(ports, pace, started + budgetMs, randomUUID());
        if (result === undefined) return;
        const { skipped, rejected, lost, ...done } = result;
        for (const what of rejected) log.warn("events rejected", { what });
        if (lost) log.error("events lost", { lostFrom: lost.from, lostTo: lost.to });
        log.info("events pulled", { ...done, ...skipped, ms: ports.clock.now() - started });
      } catch (error) {
        await failedRun(log, ports.gates, "pulling events failed", error);
      } finally {
        ports.source.close?.();
      }
    },
  });
}
