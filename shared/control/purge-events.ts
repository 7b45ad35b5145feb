import type { EventLedgerStore } from "../storage/event-ledger.js";
import { type PurgePorts, purgeDaily } from "./purge-daily.js";

/**
 * Forgets e-mail events that are older than `retentionMs`. Call it as often as you like: it does something once a day, and when it ran into `deadline`
 * (epoch ms) the next call goes on. Answers how many are gone.
 */
export function purgeEvents(
  { ledger, ...ports }: PurgePorts & { ledger: Pick<EventLedgerStore, "purge"> },
  retentionMs: number,
  deadline: number,
): Promise<number> {
  return purgeDaily(ports, "purge-events", retentionMs, (before) => ledger.purge(before, deadline));
}
