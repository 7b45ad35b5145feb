import { randomUUID } from "node:crypto";
import { purgeEvents } from "../shared/control/purge-events.js";
import { checkEventsNow } from "../shared/flows/check-events.js";
import type { Services } from "../shared/services.js";
import { runTimer } from "./run-timer.js";

/** How long one run may forget old events; the next one goes on. */
const purgeMs = 5 * 60_000;

/** Whether e-mail events can come at all. What is wrong is logged at every look until it ends, so that an alert on it ends, too. */
export function registerEgressChecks({ egress, controlPorts: { ready } }: Services): void {
  const { ports, schedule } = egress.checks;
  const { retention } = egress;
  const failed = "checking the events' way failed";
  runTimer({ name: "egress-checks", schedule, failed, ports: egress.ports, ready }, async (log, startedAt) => {
    const purging = { ledger: retention.ledger, checkpoints: egress.ports.checkpoints, clock: egress.ports.clock };
    const purged = await purgeEvents(purging, retention.keptMs, startedAt + purgeMs);
    if (purged > 0) log.info("purged", { events: purged });
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
