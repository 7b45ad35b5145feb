import { randomUUID } from "node:crypto";
import { app, type InvocationContext } from "@azure/functions";
import { checkEventsNow } from "../shared/flows/check-events.js";
import type { Services } from "../shared/services.js";
import { failedRun } from "./failed-run.js";
import { logOf } from "./log-of.js";

/** Whether e-mail events can come at all. What is wrong is logged at every look until it ends, so that an alert on it ends, too. */
export function registerEgressChecks({ egress, controlPorts }: Services): void {
  const { ports, schedule } = egress.checks;
  app.timer("egress-checks", {
    schedule,
    handler: async (_timer: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      try {
        await controlPorts.ready();
        const checked = await checkEventsNow(ports, randomUUID());
        for (const { code, about, message, fix, since, lost } of checked?.findings ?? []) {
          const period = lost && { lostFrom: lost.from, lostTo: lost.to };
          const say = lost ? log.error : log.warn;
          say("events in danger", { code, ...(about !== undefined && { about }), message, fix, since, ...period });
        }
        for (const { code, about } of checked?.ended ?? []) {
          log.info("events in danger no more", { code, ...(about !== undefined && { about }) });
        }
      } catch (error) {
        await failedRun(log, egress.ports.gates, "checking the events' way failed", error);
      }
    },
  });
}
