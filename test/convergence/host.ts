// One host of the app: the product's ingress flows over the product's adapters, put together as services.ts does. What every host has is plumbing.ts.

import { makeCampaignOptOuts } from "../../shared/campaign/opt-outs.js";
import { makeCampaignRecords } from "../../shared/campaign/records.js";
import { makeCampaignSource } from "../../shared/campaign/source.js";
import { parseNotice } from "../../shared/dataverse/notice.js";
import { makeDynamicsOptOuts } from "../../shared/dataverse/opt-outs.js";
import { errorKind } from "../../shared/errors.js";
import type { IngressPorts } from "../../shared/flows/ports.js";
import type { OptOutPullPorts } from "../../shared/flows/pull-opt-outs.js";
import { receiveNotice } from "../../shared/flows/receive-notice.js";
import type { MemoryChangeQueue } from "../../shared/messaging/memory-queue.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import { makeChildLinks } from "../../shared/storage/child-links.js";
import { type ControlStore, makeControlStore } from "../../shared/storage/control.js";
import { makeDecisionStore } from "../../shared/storage/decisions.js";
import type { EntityTables } from "../../shared/storage/entity-tables.js";
import { makeFailureStore } from "../../shared/storage/failures.js";
import { makeSettingsSource } from "../../shared/storage/settings-source.js";
import {
  makeSettingsVersions,
  type SettingsVersion,
  type SettingsVersions,
} from "../../shared/storage/settings-versions.js";
import { makeSyncStateStore } from "../../shared/storage/sync-state.js";
import { optOutPullOf } from "./opt-outs/mapping.js";
import type { Transport } from "./peers.js";
import { campaignBudgetMs, startPlumbing } from "./plumbing.js";
import { type Life, type LifeParts, queueOf } from "./process.js";

/** What hosts share. */
export interface Deployment {
  tables: EntityTables;
  queue: MemoryChangeQueue;
  transport: Transport;
  /** What ships with the app. */
  shipped: SettingsVersion;
}

/** So many equal errors of a table without a success in between set it aside. */
export const parkAfter = 20;

/** A running host. */
export interface Host {
  life: Life;
  ports: IngressPorts;
  /** What the pull of opt-outs works with. */
  pull: OptOutPullPorts;
  control: ControlStore;
  versions: SettingsVersions;
  /** The HTTP door: a posted body in, a status out; 0 when the host dies over it. */
  takeNotice(body: string): Promise<number>;
}

/** Builds what services.ts builds, for one life. */
export function startHost(life: Life, parts: LifeParts, deployment: Deployment): Host {
  const { clock } = life;
  const { tables, workflows, gates, dataverse, dynamics, campaign, binding } = startPlumbing(life, parts, deployment);
  const versions = makeSettingsVersions(tables.table("settings"), deployment.shipped);
  const control = makeControlStore(workflows, clock, parkAfter);
  const ports: IngressPorts = {
    settings: makeSettingsSource(versions, clock),
    control,
    gates,
    binding,
    dynamics,
    campaign: makeCampaignRecords(campaign),
    campaignSource: makeCampaignSource(campaign),
    queue: queueOf(life, parts, deployment.queue),
    states: makeSyncStateStore(tables.table("syncstate")),
    links: makeChildLinks(tables.table("links"), clock),
    checkpoints: makeCheckpointStore(tables.table("checkpoints")),
    failures: makeFailureStore(tables.table("failures"), clock),
    optOuts: {
      campaign: makeCampaignOptOuts(campaign, clock, campaignBudgetMs),
      dynamics: makeDynamicsOptOuts(dataverse, { tag: "acs-sync" }),
      decisions: makeDecisionStore(tables.table("decisions"), clock),
    },
    clock,
    fingerprintKey: "fingerprint-key-of-tests",
    campaignBudgetMs,
    ownTag: "acs-sync",
  };
  return {
    life,
    ports,
    pull: optOutPullOf(ports, campaign, campaignBudgetMs),
    control,
    versions,
    async takeNotice(body) {
      await life.step("notice");
      try {
        const notice = parseNotice(JSON.parse(body), new Date(clock.now()).toISOString());
        const { outcome } = await receiveNotice(ports, notice);
        await life.step("answer to a notice");
        return outcome === "queued" ? 202 : 200;
      } catch (error) {
        const status = statuses[errorKind(error)];
        if (status === undefined) throw error;
        return status;
      }
    },
  };
}

/** As functions/ingress-webhook.ts answers. */
const statuses: Partial<Record<ReturnType<typeof errorKind>, number>> = {
  malformed: 400,
  unauthenticated: 403,
  binding: 503,
  auth: 503,
  throttled: 503,
  unavailable: 503,
};
