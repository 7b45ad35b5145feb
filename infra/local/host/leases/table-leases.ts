// Timer leases in Table Storage: one row for each timer, changed only with its ETag, so that of two hosts one wins.
import { RestError, TableClient } from "@azure/data-tables";
import type { ScheduleStatus } from "../timer/schedule-status.js";
import type { LeaseStore } from "./lease-store.js";

const TABLE = "functionshosttimers";

interface TimerRow extends Record<string, unknown> {
  owner?: string;
  /** Instants in ISO 8601, UTC; empty text for never. */
  leaseUntil?: string;
  last?: string;
  next?: string;
  lastUpdated?: string;
}

export interface TableLeasesOptions {
  /** Of the storage account that all hosts of the app share (`AzureWebJobsStorage`). */
  connectionString: string;
  /** Hosts with the same id share timers; different apps on one account have different ids. */
  hostId: string;
  now?: () => number;
}

/** Leases kept in the table `functionshosttimers`, made on first use. The hosts' clocks are taken to agree: they share a machine. */
export function makeTableLeases(options: TableLeasesOptions): LeaseStore {
  const now = options.now ?? Date.now;
  const client = TableClient.fromConnectionString(options.connectionString, TABLE, {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 1, retryDelayInMs: 100 },
  });
  const keys = (timer: string) => ({ partitionKey: options.hostId, rowKey: encodeURIComponent(timer) });
  let created: Promise<void> | undefined;

  const ready = (): Promise<void> => {
    created ??= client.createTable().catch((error: unknown) => {
      created = undefined;
      throw error;
    });
    return created;
  };

  const read = async (timer: string): Promise<(TimerRow & { etag: string }) | undefined> => {
    await ready();
    const { partitionKey, rowKey } = keys(timer);
    try {
      return await client.getEntity<TimerRow>(partitionKey, rowKey);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };

  /** False when another host was faster; the table says so by 409 (insert), 412 (merge) or 404 (row gone). */
  const write = async (timer: string, values: TimerRow, etag: string | undefined): Promise<boolean> => {
    const row = { ...keys(timer), ...values };
    try {
      if (etag === undefined) await client.createEntity(row);
      else await client.updateEntity(row, "Merge", { etag });
      return true;
    } catch (error) {
      if ([404, 409, 412].includes(statusOf(error) ?? 0)) return false;
      throw error;
    }
  };

  return {
    hold: async (timer, owner, periodMs) => {
      const row = await read(timer);
      if (row?.owner && row.owner !== owner && Date.parse(row.leaseUntil ?? "") > now()) return false;
      return write(timer, { owner, leaseUntil: new Date(now() + periodMs).toISOString() }, row?.etag);
    },
    release: async (timer, owner) => {
      const row = await read(timer);
      if (row?.owner === owner) await write(timer, { owner: "", leaseUntil: "" }, row.etag);
    },
    readStatus: async (timer) => toStatus(await read(timer)),
    writeStatus: async (timer, status) => {
      await ready();
      const values: TimerRow = {
        last: status.last?.toISOString() ?? "",
        next: status.next.toISOString(),
        lastUpdated: status.lastUpdated.toISOString(),
      };
      await client.upsertEntity({ ...keys(timer), ...values }, "Merge");
    },
  };
}

function toStatus(row: TimerRow | undefined): ScheduleStatus | undefined {
  if (!row?.next || !row.lastUpdated) return undefined;
  return {
    last: row.last ? new Date(row.last) : undefined,
    next: new Date(row.next),
    lastUpdated: new Date(row.lastUpdated),
  };
}

function statusOf(error: unknown): number | undefined {
  return error instanceof RestError ? error.statusCode : undefined;
}
