import { randomUUID } from "node:crypto";
import { runPull } from "../shared/flows/run-pull.js";
import type { Services } from "../shared/services.js";
import { runTimer } from "./run-timer.js";

/** How long one run may read; the next goes on from its checkpoint. */
const budgetMs = 10 * 60_000;

/** Campaign's e-mail events onto the timelines of Dynamics. A run that fails leaves its checkpoint; the next goes on from there. */
export function registerEgressPull({ egress, controlPorts: { ready } }: Services): void {
  const { ports, pace, schedule } = egress;
  const failed = "pulling events failed";
  runTimer({ name: "egress-pull", schedule, failed, ports, ready }, async (log, startedAt) => {
    try {
      const result = await runPull(ports, pace, startedAt + budgetMs, randomUUID());
      if (result === undefined) return;
      const { skipped, rejected, lost, ...done } = result;
      for (const what of rejected) log.warn("events rejected", { what });
      if (lost) log.error("events lost", { lostFrom: lost.from, lostTo: lost.to });
      log.info("events pulled", { ...done, ...skipped, ms: ports.clock.now() - startedAt });
    } finally {
      ports.source.close?.();
    }
  });
}
