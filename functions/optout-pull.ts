import { pullOptOuts } from "../shared/flows/pull-opt-outs.js";
import type { Services } from "../shared/services.js";
import { runTimer } from "./run-timer.js";

/** How long one run may read; the next goes on from its checkpoint. */
const budgetMs = 10 * 60_000;

/** Rings for contacts whose opt-outs changed in Campaign. A run that fails leaves its checkpoint; the next goes on from there. */
export function registerOptOutPull({ optOutPull: { ports, pace, schedule } }: Services): void {
  const failed = "pulling opt-outs failed";
  runTimer({ name: "optout-pull", schedule, failed, ports }, async (log, startedAt) => {
    const { warnings, isOff, ...done } = await pullOptOuts(ports, pace, startedAt + budgetMs);
    for (const what of warnings) log.error("opt-outs may be missed", { what });
    if (!isOff) log.info("opt-outs pulled", { ...done, ms: ports.clock.now() - startedAt });
  });
}
