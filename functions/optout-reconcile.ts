import { app, type InvocationContext } from "@azure/functions";
import { reconcileSlice } from "../shared/flows/reconcile-opt-outs.js";
import { wordsSlice } from "../shared/flows/reconcile-words.js";
import type { Services } from "../shared/services.js";
import { failedRun } from "./failed-run.js";
import { logOf } from "./log-of.js";

/** Looking whether something is ordered is two reads of a table. */
const schedule = "*/15 * * * * *";
/** How long one slice may work; the next goes on from its checkpoint. */
const budgetMs = 5 * 60_000;

/** Compares the opt-outs that both sides hold already, as an operator ordered it, and queues what they say to the list. */
export function registerOptOutReconcile({ reconciling, controlPorts }: Services): void {
  const { ports, pace, words } = reconciling;
  app.timer("optout-reconcile", {
    schedule,
    handler: async (_timer: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      const started = ports.clock.now();
      const facts = (state: string, waiting: string | undefined) => ({
        state,
        ms: ports.clock.now() - started,
        ...(waiting !== undefined && { waiting }),
      });
      try {
        await controlPorts.ready();
        const slice = await reconcileSlice(ports, pace, started + budgetMs);
        if (slice.state !== "idle") {
          const { number: run, phase, sums, waiting } = slice.run;
          log.info("opt-outs compared", { run, phase, ...sums, ...facts(slice.state, waiting) });
        }
        const said = await wordsSlice(ports, words, started + 2 * budgetMs);
        if (said.state !== "idle") {
          const { number, run, action, queued, by, waiting } = said.words;
          log.info("differences queued", { order: number, run, action, queued, by, ...facts(said.state, waiting) });
        }
      } catch (error) {
        await failedRun(log, ports.gates, "comparing opt-outs failed", error);
      }
    },
  });
}
