import { randomUUID } from "node:crypto";
import { checkEventsNow } from "../shared/flows/check-events.js";
import type { Services } from "../shared/services.js";
import { runTimer } from "./run-timer.js";

/** Whether e-mail events can come at all. What is wrong is logged at every look until it ends, so that an alert on it ends, too. */
export function registerEgressChecks({ egress, controlPorts: { ready } }: Services): void {
  const { ports, schedule } = egress.checks;
  const failed = "checking the events' way failed";
  runTimer({ name: "egress-checks", schedule, failed, ports: egress.ports, ready }, async (log) => {
    const checked = await checkEventsNow(ports, randomUUID());
    for (const { code, about, message, fix, since, lost } of checked?.findings ?? []) {
      const period = lost && { lostFrom: lost.from, lostTo: lost.to };
      const say = lost ? log.error : log.warn;
      say("events in danger", { code, ...(about !== undefined && { about }), message, fix, since, ...period });
    }
    for (const { code, about } of checked?.ended ?? []) {
      log.info("events in danger no more", { code, ...(about !== undefined && { about }) });
    }
  });
}
