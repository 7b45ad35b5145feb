// One host of the app: the product's flows over the product's adapters, put together as services.ts does, with its own memory (tokens, binding,
// settings, throttles, gates) that dies with it.

import { makeCampaignClient } from "../../shared/campaign/client.js";
import { makeCampaignRecords } from "../../shared/campaign/records.js";
import { makeCampaignSource } from "../../shared/campaign/source.js";
import { makeDataverseClient } from "../../shared/dataverse/client.js";
import { parseNotice } from "../../shared/dataverse/notice.js";
import { makeDynamicsSource } from "../../shared/dataverse/source.js";
import { errorKind } from "../../shared/errors.js";
import type { IngressPorts } from "../../shared/flows/ports.js";
import { receiveNotice } from "../../shared/flows/receive-notice.js";
import { verifyBinding } from "../../shared/flows/verify-binding.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { fetchToken } from "../../shared/http/oauth.js";
import { makeSharedThrottle } from "../../shared/http/shared-throttle.js";
import { makeTokenCache } from "../../shared/http/token-cache.js";
import type { MemoryChangeQueue } from "../../shared/messaging/memory-queue.js";
import { type Binding, makeBindingStore } from "../../shared/storage/binding.js";
import { makeCheckpointStore } from "../../shared/storage/checkpoints.js";
import { makeChildLinks } from "../../shared/storage/child-links.js";
import { type ControlStore, makeControlStore } from "../../shared/storage/control.js";
import type { EntityTables } from "../../shared/storage/entity-tables.js";
import { makeFailureStore } from "../../shared/storage/failures.js";
import { makeGates } from "../../shared/storage/gates.js";
import { makeRateStore } from "../../shared/storage/rates.js";
import { makeSettingsSource } from "../../shared/storage/settings-source.js";
import {
  makeSettingsVersions,
  type SettingsVersion,
  type SettingsVersions,
} from "../../shared/storage/settings-versions.js";
import { makeSyncStateStore } from "../../shared/storage/sync-state.js";
import type { Transport } from "./peers.js";
import { type Life, type LifeParts, queueOf, tablesOf } from "./process.js";
import { dynamicsLogin, hosts } from "./registration.js";

/** What hosts share. */
export interface Deployment {
  tables: EntityTables;
  queue: MemoryChangeQueue;
  transport: Transport;
  /** What ships with the app. */
  shipped: SettingsVersion;
}

/** Time one Campaign call may take. */
export const campaignBudgetMs = 20_000;
const dynamicsProbeMs = 60_000;
/** So many equal errors of a table without a success in between set it aside. */
export const parkAfter = 20;
const bindingAgeMs = 60_000;

/** A running host. */
export interface Host {
  life: Life;
  ports: IngressPorts;
  control: ControlStore;
  versions: SettingsVersions;
  /** The HTTP door: a posted body in, a status out; 0 when the host dies over it. */
  takeNotice(body: string): Promise<number>;
}

/** Builds what services.ts builds, for one life. */
export function startHost(life: Life, parts: LifeParts, deployment: Deployment): Host {
  const { clock } = life;
  const { chance } = parts;
  const own = chance.fork();
  const tables = tablesOf(life, parts, deployment.tables);
  const workflows = tables.table("workflows");
  let probes = 0;
  const gates = makeGates({
    entities: workflows,
    clock,
    newId() {
      probes += 1;
      return `${life.name}-${probes}`;
    },
    leaseMs: { campaign: 1.5 * campaignBudgetMs + 5_000, dynamics: dynamicsProbeMs },
  });
  const http = makeHttpClient({
    clock,
    random: own.draw,
    throttles: {
      campaign: makeSharedThrottle({ store: makeRateStore(workflows, "campaign"), clock }),
      dynamics: makeSharedThrottle({ store: makeRateStore(workflows, "dynamics"), clock }),
    },
    onSend({ system }) {
      if (system === "campaign" || system === "dynamics") gates.sent(system);
    },
    transport: (request) => deployment.transport(life, { ...request, body: request.body ?? "" }),
  });
  const dynamics = makeDynamicsSource(
    makeDataverseClient({
      http,
      clock,
      environment: new URL(`https://${hosts.dynamics}`),
      tokens: makeTokenCache(() => fetchToken(http, clock, dynamicsLogin("integration")), clock),
      timeoutMs: 60_000,
      budgetMs: 120_000,
    }),
  );
  const campaign = makeCampaignClient({
    http,
    baseUrl: new URL(`https://${hosts.campaign}`),
    organization: "acme",
    apiKey: "local-client",
    tokens: makeTokenCache(() => fetchToken(http, clock, campaignLogin), clock),
    timeoutMs: campaignBudgetMs,
  });
  const bindings = makeBindingStore(tables.table("binding"));
  const versions = makeSettingsVersions(tables.table("settings"), deployment.shipped);
  const control = makeControlStore(workflows, clock, parkAfter);
  const ports: IngressPorts = {
    settings: makeSettingsSource(versions, clock),
    control,
    gates,
    binding: remember(bindingAgeMs, clock.now, () => verifyBinding(bindings, dynamics, "acme", clock)),
    dynamics,
    campaign: makeCampaignRecords(campaign),
    campaignSource: makeCampaignSource(campaign),
    queue: queueOf(life, parts, deployment.queue),
    states: makeSyncStateStore(tables.table("syncstate")),
    links: makeChildLinks(tables.table("links"), clock),
    checkpoints: makeCheckpointStore(tables.table("checkpoints")),
    failures: makeFailureStore(tables.table("failures"), clock),
    clock,
    fingerprintKey: "fingerprint-key-of-tests",
    campaignBudgetMs,
    ownTag: "acs-sync",
  };
  return {
    life,
    ports,
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

const campaignLogin: Parameters<typeof fetchToken>[2] = {
  system: "ims",
  url: new URL(`https://${hosts.campaign}/ims/token/v3`),
  clientId: "local-client",
  clientSecret: "local-secret",
  scope: "openid,AdobeID,campaign_sdk",
  settings: "",
};

/** As services.ts remembers a binding: callers at the same moment share one call, and what was known helps out while nobody can be asked. */
function remember(ageMs: number, now: () => number, call: () => Promise<Binding>): () => Promise<Binding> {
  let kept: { value: Binding; until: number } | undefined;
  let running: Promise<Binding> | undefined;
  const ask = async (): Promise<Binding> => {
    try {
      const value = await call();
      kept = { value, until: now() + ageMs };
      return value;
    } catch (error) {
      if (!kept || errorKind(error) === "binding") throw error;
      return kept.value;
    } finally {
      running = undefined;
    }
  };
  return async () => {
    if (kept && now() < kept.until) return kept.value;
    running ??= ask();
    return running;
  };
}
