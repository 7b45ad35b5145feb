// The mapping of contacts of these histories, with opt-outs, and who rings for what changes in Campaign.

import type { MappingDocument } from "../../../infra/local/scenarios/acme/mappings.js";
import type { CampaignClient } from "../../../shared/campaign/client.js";
import { makeOptOutSource } from "../../../shared/campaign/opt-out-source.js";
import type { IngressPorts } from "../../../shared/flows/ports.js";
import { makeRecent, type OptOutPace, type OptOutPullPorts } from "../../../shared/flows/pull-opt-outs.js";
import type { OptOutDirection } from "../../../shared/optout/attributes.js";
import { kept } from "./choices.js";

const minuteMs = 60_000;

/** The clocks of both peers are at most so far apart in these histories. */
export const skewMs = 20_000;

/** The same document; that of contacts with opt-outs. */
export function withOptOuts(document: MappingDocument, direction: OptOutDirection): MappingDocument {
  if (document.table.name !== "contact") return document;
  const columns = Object.fromEntries(Object.values(kept).map(({ column }) => [column, "boolean"]));
  const attributes = Object.fromEntries(Object.entries(kept).map(([name, { column }]) => [name, column]));
  return {
    ...document,
    columns: { ...document.columns, ...columns },
    optOuts: { direction, attributes, skewSeconds: skewMs / 1_000 },
  };
}

/** As services.ts has it, but for a smaller page. */
export const optOutPace: OptOutPace = {
  pageSize: 3,
  narrowMs: 2 * minuteMs,
  wideMs: 30 * minuteMs,
  wideEveryMs: 15 * minuteMs,
  checkEveryMs: 24 * 60 * minuteMs,
  busyMs: 2_000,
  idleMs: 30_000,
  maxDepth: 120,
  pollMs: 500,
};

/** The pull of one host, put together as services.ts does. */
export function optOutPullOf(ports: IngressPorts, client: CampaignClient, callMs: number): OptOutPullPorts {
  const { clock } = ports;
  const filter = { name: "OptOutsSince", parameter: "since", format: "space" } as const;
  return {
    ...ports,
    source: makeOptOutSource({ client, clock, callMs, by: "times", filter }),
    isWanted: async () => true,
    rung: makeRecent(1_000, optOutPace.wideEveryMs, clock),
  };
}
