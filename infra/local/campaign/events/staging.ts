// The two workflows of facts/campaign.md §8.3 that copy log rows into `cusEmailEvent`, every so many minutes. Rows are copied when
// somebody looks and they are due, with the time they were due: nothing depends on timers.

import type { Instance } from "../instance.js";
import type { Values } from "../store/table.js";
import { workflowState } from "./workflows.js";

/** Table of the simulator's own that holds the delivery and tracking logs. */
export const logTable = "sim:log";
/** Resource that the workflows copy the logs into. */
export const stagedResource = "cusEmailEvent";
const pendingTable = "sim:pending";

/** Puts a log row down for staging; answers when it is due: the workflow's first run after the row was logged. */
export function scheduleStaging(instance: Instance, log: number, loggedAt: number): number {
  if (!instance.catalog.resources.has(stagedResource))
    throw new Error(`this instance has no resource ${stagedResource}`);
  const interval = instance.settings.stagingMinutes * 60_000;
  const due = interval === 0 ? loggedAt : Math.ceil(loggedAt / interval) * interval;
  instance.store.put(pendingTable, { log, due });
  return due;
}

/** Insert or update on eventId, as the workflow's `Update data` does. */
function upsert(instance: Instance, log: Values, at: number): void {
  const resource = instance.catalog.resource(stagedResource);
  const table = instance.store.table(stagedResource);
  const columns = Object.entries(log).filter(([name]) => resource.field(name) !== undefined);
  let id: number | undefined;
  for (const found of table.find(["eventId"], [log.eventId ?? ""])) id = found;
  const created = (id === undefined ? undefined : table.get(id)?.created) ?? at;
  instance.store.put(stagedResource, { ...Object.fromEntries(columns), created, lastModified: at }, id);
}

/** Copies every log row that is due. Cheap when there is none; after a kill half-way it copies the same rows again. */
export function stageDueEvents(instance: Instance): void {
  const pending = instance.store.table(pendingTable);
  if (pending.size === 0) return;
  const { state, since } = workflowState(instance, "stageEmailEvents");
  if (state !== "started") return;
  const order = pending.ordered("due", (value) => value ?? 0);
  const due: number[] = [];
  for (const id of order.from(0, 1)) {
    if (Number(pending.get(id)?.due) > instance.world.now()) break;
    due.push(id);
  }
  for (const id of due) {
    const row = pending.get(id);
    const log = instance.store.table(logTable).get(Number(row?.log));
    // A workflow that was stopped reads what it missed when it runs again.
    if (log !== undefined) upsert(instance, log, Math.max(Number(row?.due), since));
    instance.store.remove(pendingTable, id);
  }
}
