import { reconcileSlice } from "../shared/flows/reconcile-opt-outs.js";
import { wordsSlice } from "../shared/flows/reconcile-words.js";
import type { Services } from "../shared/services.js";
import { runTimer } from "./run-timer.js";

/** Looking whether something is ordered is two reads of a table. */
const schedule = "*/15 * * * * *";
/** How long one slice may work; the next goes on from its checkpoint. */
const budgetMs = 5 * 60_000;

/** Compares the opt-outs that both sides hold already, as an operator ordered it, and queues what they say to the list. */
export function registerOptOutReconcile({ reconciling, controlPorts: { ready } }: Services): void {
  const { ports, pace, words } = reconciling;
  const failed = "comparing opt-outs failed";
  runTimer({ name: "optout-reconcile", schedule, failed, ports, ready }, async (log, startedAt) => {
    const facts = (state: string, waiting: string | undefined) => ({
      state,
      ms: ports.clock.now() - startedAt,
      ...(waiting !== undefined && { waiting }),
    });
    const slice = await reconcileSlice(ports, pace, startedAt + budgetMs);
    if (slice.state !== "idle") {
      const { number: run, phase, sums, waiting } = slice.run;
      log.info("opt-outs compared", { run, phase, ...sums, ...facts(slice.state, waiting) });
    }
    const said = await wordsSlice(ports, words, startedAt + 2 * budgetMs);
    if (said.state !== "idle") {
      const { number, run, action, queued, by, waiting } = said.words;
      log.info("differences queued", { order: number, run, action, queued, by, ...facts(said.state, waiting) });
    }
  });
}
