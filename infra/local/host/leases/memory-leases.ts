import type { ScheduleStatus } from "../timer/schedule-status.js";
import type { LeaseStore } from "./lease-store.js";

/** Leases and schedule status of hosts in one process; gone with it. `now` in milliseconds. */
export function makeMemoryLeases(now: () => number = Date.now): LeaseStore {
  const leases = new Map<string, { owner: string; until: number }>();
  const statuses = new Map<string, ScheduleStatus>();
  return {
    hold: async (timer, owner, periodMs) => {
      const lease = leases.get(timer);
      if (lease && lease.owner !== owner && lease.until > now()) return false;
      leases.set(timer, { owner, until: now() + periodMs });
      return true;
    },
    release: async (timer, owner) => {
      if (leases.get(timer)?.owner === owner) leases.delete(timer);
    },
    readStatus: async (timer) => statuses.get(timer),
    writeStatus: async (timer, status) => {
      statuses.set(timer, status);
    },
  };
}
