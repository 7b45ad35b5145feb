// In which of five states a workflow is (design.md §6). Pure; the facts are gathered in status.ts.

/** STARTING: wanted, but no run has finished since. STOPPING: calls may still be under way. FAILED: wanted, but it does not work. */
export const workflowStates = ["STOPPED", "STARTING", "RUNNING", "STOPPING", "FAILED"] as const;
/** See `workflowStates`. */
export type WorkflowState = (typeof workflowStates)[number];

/** What is known of the workflow; times in epoch ms, undefined: never. */
export interface WorkflowFacts {
  now: number;
  wanted: "running" | "stopped";
  drain: boolean;
  /** Since when it is wanted so. */
  since: number | undefined;
  /** So long after a stop `inHand` may still be under way. */
  quietMs: number;
  inHand: string;
  /** Messages on the queue. */
  waiting: number;
  /** When the last of the runs that it lives by ended well; what they are called, and the function whose log tells of them. */
  lastRunAt: number | undefined;
  run: { name: string; function: string };
  /** Why nothing can be written at all. */
  trouble: string | undefined;
  closedGates: readonly { peer: string; since: number; reason: string }[];
}

/** There is a run every minute; so long without one, or with a peer away, is a failure and not a hiccup. */
export const patienceMs = 15 * 60_000;

/** The state, and in words why it is not simply running or stopped. */
export function workflowState(facts: WorkflowFacts): { state: WorkflowState; reasons: string[] } {
  return facts.wanted === "stopped" ? stoppedOrStopping(facts) : runningOrNot(facts);
}

function stoppedOrStopping({
  drain,
  since = 0,
  now,
  quietMs,
  inHand,
  waiting,
}: WorkflowFacts): ReturnType<typeof workflowState> {
  if (drain)
    return {
      state: "STOPPING",
      reasons: [`what is on the queue, or due within two seconds, is still worked off: ${waiting} messages`],
    };
  const quietAt = since + quietMs;
  if (now > quietAt) return { state: "STOPPED", reasons: [] };
  const until = new Date(quietAt).toISOString();
  return {
    state: "STOPPING",
    reasons: [`${inHand} until ${until}`],
  };
}

function runningOrNot(facts: WorkflowFacts): ReturnType<typeof workflowState> {
  const { now, since, lastRunAt, run, trouble, closedGates } = facts;
  if (trouble !== undefined) return { state: "FAILED", reasons: [trouble] };
  const gates = closedGates.map(({ peer, reason }) => `calls to ${peer} are held back: ${reason}`);
  if (closedGates.some((gate) => now - gate.since > patienceMs)) return { state: "FAILED", reasons: gates };
  const hasRun = lastRunAt !== undefined && (since === undefined || lastRunAt >= since);
  const waitedSince = hasRun ? lastRunAt : since;
  if (waitedSince !== undefined && now - waitedSince > patienceMs) {
    const at = new Date(waitedSince).toISOString();
    const reason = `no ${run.name} has finished since ${at}: see the log of ${run.function}`;
    return { state: "FAILED", reasons: [reason, ...gates] };
  }
  return { state: hasRun ? "RUNNING" : "STARTING", reasons: gates };
}
