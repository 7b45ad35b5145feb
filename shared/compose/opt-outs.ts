// What opt-outs of Campaign are found and compared with, put together from settings. Who wins is in shared/optout/.

import type { CampaignClient } from "../campaign/client.js";
import { makeOptOutFiles } from "../campaign/opt-out-files.js";
import { makeOptOutPages } from "../campaign/opt-out-pages.js";
import { makeOptOutSource } from "../campaign/opt-out-source.js";
import type { Reconciling } from "../control/ports.js";
import type { IngressPorts } from "../flows/ports.js";
import { makeRecent, type OptOutPace, type OptOutPullPorts } from "../flows/pull-opt-outs.js";
import type { ReconcilePace } from "../flows/reconcile-opt-outs.js";
import type { WordsPace } from "../flows/reconcile-words.js";
import type { Settings } from "../settings/load.js";
import { openerOf } from "../sftp/open-account.js";
import type { ControlStore } from "../storage/control.js";

/** Finding opt-outs that changed in Campaign. */
export interface OptOutPullServices {
  ports: OptOutPullPorts;
  pace: OptOutPace;
  schedule: string;
}

/** Comparing what both sides hold already, and acting on the list. */
export type ReconcilingServices = Reconciling & { words: WordsPace };

/**
 * How opt-outs are pulled. What the queue may hold is twice what a load leaves there: opt-outs do not wait for one to end. The wide look covers the longest
 * transaction; a contact that was rung for is rung for again after as long, should it be news still.
 */
const optOutPace: Omit<OptOutPace, "maxDepth"> = {
  pageSize: 1_000,
  narrowMs: 120_000,
  wideMs: 30 * 60_000,
  wideEveryMs: 15 * 60_000,
  checkEveryMs: 24 * 3_600_000,
  busyMs: 2_000,
  idleMs: 30_000,
  pollMs: 50,
};
const mostRung = 20_000;

/** A page of profiles takes two reads of their contacts; contacts alone come in Dataverse's largest pages. */
const reconcilePace: ReconcilePace = { pageSize: 500, rowPage: 5_000, retryMs: 60_000 };

/** Everything for finding opt-outs in Campaign, by its REST API or by files. */
export function makeOptOutPull(
  { optOuts: { from, schedule, everyMs }, campaign: { callMs }, load, dryRun }: Settings,
  client: CampaignClient,
  control: ControlStore,
  { settings, checkpoints, states, queue, gates, clock, binding }: IngressPorts,
): OptOutPullServices {
  const source =
    from.by === "rest"
      ? makeOptOutSource({ client, clock, callMs, filter: from.filter, by: from.on })
      : makeOptOutFiles({
          open: openerOf(from.account, dryRun),
          folder: from.folder,
          name: from.names,
          settledMs: from.settledMs,
          key: from.key,
          clock,
        });
  const rung = makeRecent(mostRung, optOutPace.wideEveryMs, clock);
  const isWanted = (): Promise<boolean> => control.isWanted("optout");
  return {
    ports: { source, settings, checkpoints, states, queue, gates, clock, binding, isWanted, rung },
    // No look of a run is later than the next run would be.
    pace: { ...optOutPace, idleMs: Math.min(optOutPace.idleMs, everyMs), maxDepth: 2 * load.queueDepth },
    schedule,
  };
}

interface ReconcilingParts {
  campaign: CampaignClient;
  differences: Reconciling["ports"]["differences"];
  control: ControlStore;
  ports: IngressPorts;
}

/** Everything for comparing what both sides hold. */
export function makeReconciling(
  { campaign: { callMs }, load }: Settings,
  { campaign, differences, control, ports }: ReconcilingParts,
): ReconcilingServices {
  return {
    ports: {
      ...ports,
      pages: makeOptOutPages(campaign, ports.clock, callMs),
      differences,
      stopped: async () => ((await control.isWanted("optout")) ? undefined : "opt-outs are stopped"),
    },
    pace: reconcilePace,
    words: { maxDepth: load.queueDepth, pollMs: 50, retryMs: reconcilePace.retryMs },
  };
}
