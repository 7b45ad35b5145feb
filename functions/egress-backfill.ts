import { randomUUID } from "node:crypto";
import { app, type InvocationContext } from "@azure/functions";
import { backfillSlice } from "../shared/flows/backfill-events.js";
import { readBackfill } from "../shared/flows/backfill-order.js";
import { asRun } from "../shared/flows/run-notes.js";
import type { Services } from "../shared/services.js";
import { failedRun } from "./failed-run.js";
import { logOf } from "./log-of.js";

/** Looking whether something is ordered is one read of a table. */
const schedule = "*/15 * * * * *";
/** How long one slice may read; the next goes on from its checkpoint. */
const budgetMs = 10 * 60_000;

/**
 * History onto the timelines of Dynamics, as an operator ordered it. A trigger of its own: the pull of fresh events has its own timer and checkpoint, and
 * never waits for it.
 */
export function registerEgressBackfill({ egress, controlPorts }: Services): void {
  if (!egress.backfill) return;
  const { ports, pace } = egress.backfill;
  app.timer("egress-backfill", {
    schedule,
    handler: async (_timer: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      const started = ports.clock.now();
      try {
        await controlPorts.ready();
        if ((await readBackfill(ports.checkpoints))?.phase !== "reading") return;
        const work = () => backfillSlice(ports, pace, started + budgetMs);
        const slice = await asRun(ports, randomUUID(), false, work);
        if (slice.state === "idle") return;
        const { sums, skipped, reached, waiting } = slice.backfill;
        const ms = ports.clock.now() - started;
        log.info("history brought", {
          state: slice.state,
          reached,
          ...(waiting && { waiting }),
          ...sums,
          ...skipped,
          ms,
        });
      } catch (error) {
        await failedRun(log, ports.gates, "bringing history failed", error);
      }
    },
  });
}
