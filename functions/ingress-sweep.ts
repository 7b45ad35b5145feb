import { app, type InvocationContext } from "@azure/functions";
import { finishStop } from "../shared/control/finish-stop.js";
import { purgeDecisions } from "../shared/control/purge-decisions.js";
import { purgeFailures } from "../shared/control/purge-failures.js";
import { ConflictError } from "../shared/errors.js";
import { finishPublication } from "../shared/flows/finish-publication.js";
import { sweep } from "../shared/flows/sweep.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";

/** How long one run may load before it makes way for the next; far below the host's functionTimeout. */
const budgetMs = 10 * 60_000;
/** How long one run may clear away old failures, and as long old decisions; the next one goes on. */
const purgeMs = 30_000;

/** Follows change tracking and loads what is not loaded yet. A run that fails leaves its checkpoints; the next goes on from there. */
export function registerIngressSweep(services: Services): void {
  const { ports, publishing, controlPorts, pace, clock, sweepSchedule, decisionRetentionMs } = services;
  app.timer("ingress-sweep", {
    schedule: sweepSchedule,
    handler: async (_timer: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      const started = clock.now();
      try {
        await controlPorts.ready();
        await finishStop(controlPorts);
        // What a publisher that died left to do.
        const replayed = await finishPublication(publishing);
        if (replayed.length > 0) log.info("replays ordered", { tables: replayed.join(",") });
        const { setAside, ...done } = await sweep(ports, pace, started + budgetMs);
        log.info("swept", { ...done, ms: clock.now() - started });
        for (const { table, why } of setAside) log.error("table set aside", { table, why });
        const { checkpoints } = ports;
        const { failures, decisions } = controlPorts;
        const purged = {
          failures: await purgeFailures({ failures, checkpoints, clock }, clock.now() + purgeMs),
          decisions: await purgeDecisions(
            { decisions, checkpoints, clock },
            decisionRetentionMs,
            clock.now() + purgeMs,
          ),
        };
        if (purged.failures + purged.decisions > 0) log.info("purged", purged);
      } catch (error) {
        log.error("sweep failed", errorFacts(error));
        // Another run owns the stream: nothing is wrong.
        if (!(error instanceof ConflictError)) throw error;
      }
    },
  });
}
