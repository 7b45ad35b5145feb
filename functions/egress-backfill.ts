import { randomUUID } from "node:crypto";
import { backfillSlice } from "../shared/flows/backfill-events.js";
import { readBackfill } from "../shared/flows/backfill-order.js";
import { asRun } from "../shared/flows/run-notes.js";
import type { Services } from "../shared/services.js";
import { runTimer } from "./run-timer.js";

/** Looking whether something is ordered is one read of a table. */
const schedule = "*/15 * * * * *";
/** How long one slice may read; the next goes on from its checkpoint. */
const budgetMs = 10 * 60_000;

/**
 * History onto the timelines of Dynamics, as an operator ordered it. A trigger of its own: the pull of fresh events has its own timer and checkpoint, and
 * never waits for it.
 */
export function registerEgressBackfill({ egress, controlPorts: { ready } }: Services): void {
  if (!egress.backfill) return;
  const { ports, pace } = egress.backfill;
  const failed = "bringing history failed";
  runTimer({ name: "egress-backfill", schedule, failed, ports, ready }, async (log, startedAt) => {
    if ((await readBackfill(ports.checkpoints))?.phase !== "reading") return;
    const work = () => backfillSlice(ports, pace, startedAt + budgetMs);
    const slice = await asRun(ports, randomUUID(), false, work);
    if (slice.state === "idle") return;
    const { sums, skipped, reached, waiting } = slice.backfill;
    const ms = ports.clock.now() - startedAt;
    const { state } = slice;
    log.info("history brought", { state, reached, ...(waiting && { waiting }), ...sums, ...skipped, ms });
  });
}
