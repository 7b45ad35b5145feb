import type { EgressPorts } from "./egress-ports.js";
import { type PullPace, type PullResult, pullEvents } from "./pull-events.js";
import { asRun } from "./run-notes.js";

/** A pull as a run of this id, which the status knows of; undefined: an operator stopped the flow, and nothing was begun. Throws what `pullEvents` throws. */
export async function runPull(
  ports: EgressPorts,
  pace: PullPace,
  deadline: number,
  id: string,
): Promise<PullResult | undefined> {
  const pull = (): Promise<PullResult> => pullEvents(ports, pace, deadline);
  const { types } = await ports.settings();
  // With nothing on there is nothing to do but to remember that.
  if (types.size === 0) return pull();
  return (await ports.stopped()) === undefined ? asRun(ports, id, true, pull) : undefined;
}
