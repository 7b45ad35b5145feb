import { requestsOf } from "../../../shared/dataverse/activity-change-set.js";
import { ConflictError } from "../../../shared/errors.js";
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
} as const satisfies Readonly<Record<string, EventSabotage>>;
