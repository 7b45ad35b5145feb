import { requestsOf } from "../../../shared/dataverse/activity-change-set.js";
import { ConflictError } from "../../../shared/errors.js";
import type { EgressPorts } from "../../../shared/flows/egress-ports.js";
import type { EventSabotage } from "./host.js";

/** Ways to break the product, by what is left out; each has to be noticed within some seeds. */
export const sabotages = {
  "the ledger": {
    ports: (ports) => ({ ...ports, ledger: { ...ports.ledger, known: async () => new Map() } }),
  },
  "the wide look back": { pace: { wideEveryMs: Number.MAX_SAFE_INTEGER } },
  "the change set that makes an activity whole": {
    sink: (client, tables) => ({
      async write(activities) {
        for (const activity of activities) {
          const requests = requestsOf(activity, tables, { tag: "acs-sync", zone: "UTC", root: client.root });
          for (const { method, url, headers = {}, body = "" } of requests) {
            const path = url.slice(client.root.pathname.length);
            const call = { operation: "write activity", method, path, headers, body: JSON.parse(body) as object };
            await client.call(call).catch((error: unknown) => {
              if (!(error instanceof ConflictError)) throw error;
            });
          }
        }
        return activities.map(() => ({ outcome: "written" as const }));
      },
    }),
  },
  "that a checkpoint waits for its page": { ports: hurried },
} as const satisfies Readonly<Record<string, EventSabotage>>;

/** Saves how far was read as soon as it is read. */
function hurried(ports: EgressPorts): EgressPorts {
  const { checkpoints, source } = ports;
  const place = ["egress", "events"] as const;
  let etag: string | undefined;
  return {
    ...ports,
    checkpoints: {
      ...checkpoints,
      async save(flow, stream, values, before) {
        etag = await checkpoints.save(flow, stream, values, etag ?? before);
        return etag;
      },
    },
    source: {
      ...source,
      async readEvents(since, cursor, size) {
        const page = await source.readEvents(since, cursor, size);
        const found = await checkpoints.read(...place);
        if (!found || page.upTo === undefined || page.upTo < String(found.values.since)) return page;
        const { cursor: _cursor, ...rest } = found.values;
        const onward = page.next !== undefined && { cursor: page.next, readFrom: since, readAt: since };
        etag = await checkpoints.save(...place, { ...rest, since: page.upTo, ...onward }, found.etag);
        return page;
      },
    },
  };
}
