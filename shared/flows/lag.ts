import type { Cause } from "../model/envelope.js";

/** How late a change was written, cut into steps: so many seconds at most. What is later is `later`. */
const stepsSeconds = [1, 5, 30, 120, 600] as const;

/** Causes of changes that people made just now; of loads and replays nobody asks how late they are. */
const live: ReadonlySet<Cause> = new Set(["notice", "sweep", "optout"]);

/** Name of the step for a change that was handled `lagMs` after it was made. */
export function lagStep(cause: Cause, lagMs: number): string {
  if (!live.has(cause)) return "not-live";
  const step = stepsSeconds.find((seconds) => lagMs <= seconds * 1000);
  return step === undefined ? "later" : `within-${step}s`;
}
