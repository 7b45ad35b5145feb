import { app, type InvocationContext } from "@azure/functions";
import { ConflictError, peerOf } from "../shared/errors.js";
import { pullEvents } from "../shared/flows/pull-events.js";
import { isPeersTrouble } from "../shared/flows/settle.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";

/** How long one run may read; the next goes on from its checkpoint. */
const budgetMs = 10 * 60_000;

/** Campaign's e-mail events onto the timelines of Dynamics. A run that fails leaves its checkpoint; the next goes on from there. */
export function registerEgressPull({ ports, pace, schedule }: NonNullable<Services["egress"]>): void {
  app.timer("egress-pull", {
    schedule,
    handler: async (_timer: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      const started = ports.clock.now();
      try {
        const { skipped, ...done } = await pullEvents(ports, pace, started + budgetMs);
        log.info("events pulled", { ...done, ...skipped, ms: ports.clock.now() - started });
      } catch (error) {
        log.error("pulling events failed", errorFacts(error));
        const peer = peerOf(error);
        if (peer && isPeersTrouble(error)) await ports.gates.trouble(peer, error);
        // Another run owns the stream: nothing is wrong.
        if (!(error instanceof ConflictError)) throw error;
      }
    },
  });
}
