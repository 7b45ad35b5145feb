// In which state the pull of opt-outs from Campaign is. What any workflow's state follows from is workflow-state.ts; status.ts gathers what all share.

import { optOutCheckpoint, pulledMapping } from "../flows/pull-opt-outs.js";
import { controlAgeMs, type Wanted } from "../storage/control.js";
import type { ControlPorts } from "./ports.js";
import { type WorkflowFacts, workflowState } from "./workflow-state.js";

/** What the status of every workflow rests on. */
export type KnownForAll = Pick<WorkflowFacts, "trouble" | "closedGates"> & { wanted: Wanted };

/** Its state; undefined: no mapping in force wants opt-outs from Campaign. */
export async function optOutState(
  { ingress }: ControlPorts,
  { wanted, trouble, closedGates }: KnownForAll,
): Promise<ReturnType<typeof workflowState> | undefined> {
  if (!pulledMapping(await ingress.settings.current())) return undefined;
  const found = await ingress.checkpoints.read(optOutCheckpoint.flow, optOutCheckpoint.stream);
  const at = Date.parse(String(found?.values.at));
  return workflowState({
    now: ingress.clock.now(),
    wanted: wanted.wanted,
    drain: false,
    since: wanted.since === undefined ? undefined : Date.parse(wanted.since),
    quietMs: controlAgeMs + ingress.campaignBudgetMs,
    inHand: "the page in hand is still read,",
    waiting: 0,
    lastRunAt: Number.isNaN(at) ? undefined : at,
    run: { name: "run", function: "optout-pull" },
    trouble,
    closedGates,
  });
}
