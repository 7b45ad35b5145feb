import type { DecisionStore } from "../storage/decisions.js";
import { type PurgePorts, purgeDaily } from "./purge-daily.js";

/**
 * Removes decisions on opt-outs that are older than `retentionMs`. Call it as often as you like: it does something once a day, and when it ran into
 * `deadline` (epoch ms) the next call goes on. Answers how many are gone.
 */
export function purgeDecisions(
  { decisions, ...ports }: PurgePorts & { decisions: DecisionStore },
  retentionMs: number,
  deadline: number,
): Promise<number> {
  return purgeDaily(ports, "purge-decisions", retentionMs, (before) => decisions.purge(before, deadline));
}
