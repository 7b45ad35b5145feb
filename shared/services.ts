// The composition root: settings in, adapters built, flows' ports out. One set for the life of the process, made on first use.
// Its larger parts, and how the app signs in, are in shared/compose/.

import { randomUUID } from "node:crypto";
import { type CampaignClient, makeCampaignClient } from "./campaign/client.js";
import { makeResourceMetadataSource } from "./campaign/metadata.js";
import { makeCampaignOptOuts } from "./campaign/opt-outs.js";
import { makeCampaignRecords } from "./campaign/records.js";
import { makeCampaignSource } from "./campaign/source.js";
import { busConnection, campaignTokensOf, dynamicsTokensOf, tablesConnection } from "./compose/auth.js";
import { type DryRunServices, makeDryRun } from "./compose/dry-run.js";
import { type EgressServices, makeEgress } from "./compose/egress.js";
import { type MonitorServices, makeMonitor, makeTallies } from "./compose/monitor.js";
import {
  makeOptOutPull,
  makeReconciling,
  type OptOutPullServices,
  type ReconcilingServices,
} from "./compose/opt-outs.js";
import { remember } from "./compose/remember.js";
import type { ControlPorts } from "./control/ports.js";
import { type DataverseClient, makeDataverseClient } from "./dataverse/client.js";
import { makeRowCounter } from "./dataverse/count-rows.js";
import { makeMetadataSource } from "./dataverse/metadata.js";
import { makeDynamicsOptOuts } from "./dataverse/opt-outs.js";
import { makeDynamicsSource } from "./dataverse/source.js";
import { SettingsError, type SettingsProblem } from "./errors.js";
import type { LoadPace } from "./flows/fill-lanes.js";
import type { IngressPorts, SettingsPorts } from "./flows/ports.js";
import { verifyBinding } from "./flows/verify-binding.js";
import { type HttpClient, makeHttpClient } from "./http/client.js";
import { makeReadOnlyHttp } from "./http/read-only.js";
import { makeSharedThrottle } from "./http/shared-throttle.js";
import type { TokenSource } from "./http/token-cache.js";
import { shippedDocuments, shippedSettingsVersion } from "./mapping/shipped.js";
import { lanesQueueOf } from "./messaging/queues.js";
import { makeServiceBusClient } from "./messaging/service-bus-client.js";
import { makeServiceBusChangeQueue } from "./messaging/service-bus-queue.js";
import type { Clock } from "./model/clock.js";
import { loadSettings, type Settings } from "./settings/load.js";
import { makeAzureEntityTables } from "./storage/azure-entity-table.js";
import { type Binding, makeBindingStore } from "./storage/binding.js";
import { makeCheckpointStore } from "./storage/checkpoints.js";
import { makeChildLinks } from "./storage/child-links.js";
import { makeControlStore } from "./storage/control.js";
import { makeDecisionStore } from "./storage/decisions.js";
import type { EntityTables } from "./storage/entity-tables.js";
import { makeEventLedger } from "./storage/event-ledger.js";
import { makeFailureStore } from "./storage/failures.js";
import { type GateStore, makeGates } from "./storage/gates.js";
import { makeRateStore } from "./storage/rates.js";
import { whenReady } from "./storage/ready-table.js";
import { makeDifferenceStore } from "./storage/reconciliations.js";
import { makeSettingsSource } from "./storage/settings-source.js";
import { makeSettingsVersions, type SettingsVersions, shippedVersion } from "./storage/settings-versions.js";
import { makeSyncStateStore } from "./storage/sync-state.js";

/** Everything the triggers use. */
export interface Services {
  ports: IngressPorts;
  /** Publishing, rolling back and finishing publications. */
  publishing: SettingsPorts;
  /** What the control API works with. */
  controlPorts: ControlPorts;
  pace: LoadPace;
  /** E-mail events to Dynamics. */
  egress: EgressServices;
  /** Opt-outs that both sides hold already: comparing them, and acting on the list. */
  reconciling: ReconcilingServices;
  /** Opt-outs that changed in Campaign, where a mapping wants them. */
  optOutPull: OptOutPullServices;
  sweepSchedule: string;
  /** How long decisions on opt-outs are kept. */
  decisionRetentionMs: number;
  /** Undefined: what is done is done for real. */
  dryRun: DryRunServices | undefined;
  /** Queue that the lanes work off. */
  lanesQueue: string;
  /** Does Dynamics post to a Service Bus queue of ours? */
  hasBusDoor: boolean;
  clock: Clock;
  /** Verifies the binding afresh and answers it; for `health`, which must not answer from memory. */
  probeBinding(): Promise<Binding>;
  /** A token for Campaign; AuthError when the credential is not accepted. */
  campaignToken(): Promise<string>;
  /** The gates as `ports.gates` has them, and their state for an operator. */
  gates: GateStore;
  /** Measuring from outside, and what is counted for it. */
  monitor: MonitorServices;
}

/** Tables this product keeps its state in (design.md §7). */
export const tableNames = [
  "binding",
  "checkpoints",
  "syncstate",
  "links",
  "failures",
  "decisions",
  "reconciliations",
  "workflows",
  "settings",
  "usage",
  "events",
] as const;

const bindingAgeMs = 60_000;
const busTimeoutMs = 10_000;
/** A Dynamics probe that says nothing for so long has lost its lease. A killed prober holds the gate for as long. */
const dynamicsProbeMs = 60_000;

/** Real time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** The process's services, or why there are none. Reads the environment; the only place that does. */
export function startServices(): { services: Services } | { problems: readonly SettingsProblem[] } {
  try {
    return { services: makeServices(loadSettings(process.env)) };
  } catch (error) {
    if (error instanceof SettingsError) return { problems: error.problems };
    throw error;
  }
}

/** Builds everything; connects to nothing yet. */
export function makeServices(settings: Settings): Services {
  const clock = systemClock;
  const stored = makeAzureEntityTables(tablesConnection(settings.tables));
  const dryRun = settings.dryRun ? makeDryRun(stored, tableNames, clock) : undefined;
  const tables = dryRun?.tables ?? stored;
  const tablesReady = remember(() => tables.ensure(tableNames), Number.POSITIVE_INFINITY, clock);
  const workflows = whenReady(tables.table("workflows"), tablesReady);
  const gates = makeGates({
    entities: workflows,
    clock,
    newId: randomUUID,
    leaseMs: { campaign: 1.5 * settings.campaign.callMs + 5_000, dynamics: dynamicsProbeMs },
  });
  const tallies = makeTallies(whenReady(tables.table("usage"), tablesReady), clock);
  const anyHttp = makeHttpClient({
    clock,
    random: Math.random,
    throttles: {
      campaign: makeSharedThrottle({
        store: makeRateStore(workflows, "campaign"),
        clock,
        ...(settings.campaign.rate && { limit: settings.campaign.rate }),
      }),
      dynamics: makeSharedThrottle({ store: makeRateStore(workflows, "dynamics"), clock }),
    },
    onSend({ system, operation }) {
      if (system !== "campaign" && system !== "dynamics") return;
      tallies[system].count(operation);
      gates.sent(system);
    },
  });
  const http = dryRun ? makeReadOnlyHttp(anyHttp) : anyHttp;
  const dynamicsClient = makeDynamicsClient(settings, http, clock);
  const dynamics = makeDynamicsSource(dynamicsClient);
  const campaignTokens = campaignTokensOf(settings, http, clock);
  const campaignClient = makeInstanceClient(settings, http, campaignTokens);
  const campaign = makeCampaignRecords(campaignClient);
  const queue = makeServiceBusChangeQueue({
    client: makeServiceBusClient(busConnection(settings.serviceBus)),
    queue: lanesQueueOf(settings.dryRun),
    lanes: settings.lanes,
    clock,
    timeoutMs: busTimeoutMs,
  });

  const versions = settingsVersionsOf(tables, tablesReady);
  const checkpoints = makeCheckpointStore(tables.table("checkpoints"));
  const bindings = makeBindingStore(tables.table("binding"));
  const probeBinding = async (): Promise<Binding> => {
    await tablesReady();
    return verifyBinding(bindings, dynamics, settings.campaign.tenant, clock);
  };

  const failures = makeFailureStore(tables.table("failures"), clock);
  const decisions = makeDecisionStore(tables.table("decisions"), clock);
  const control = makeControlStore(workflows, clock, settings.parkAfter);
  const publishing: SettingsPorts = {
    versions,
    metadata: makeMetadataSource(dynamicsClient),
    resources: makeResourceMetadataSource(campaignClient, clock, settings.campaign.callMs),
    checkpoints,
    clock,
  };
  const writing: IngressPorts = {
    settings: makeSettingsSource(versions, clock),
    control,
    gates,
    binding: remember(probeBinding, bindingAgeMs, clock),
    dynamics,
    campaign,
    campaignSource: makeCampaignSource(campaignClient),
    queue,
    states: makeSyncStateStore(tables.table("syncstate")),
    links: makeChildLinks(tables.table("links"), clock),
    checkpoints,
    failures,
    optOuts: {
      campaign: makeCampaignOptOuts(campaignClient, clock, settings.campaign.callMs),
      dynamics: makeDynamicsOptOuts(dynamicsClient, { tag: settings.ownTag }),
      decisions,
    },
    clock,
    fingerprintKey: settings.fingerprintKey,
    campaignBudgetMs: settings.campaign.callMs,
    ownTag: settings.ownTag,
  };
  const ports = dryRun?.ports(writing) ?? writing;

  const reconciling = makeReconciling(settings, {
    campaign: campaignClient,
    differences: makeDifferenceStore(tables.table("reconciliations"), clock),
    control,
    ports,
  });
  const egress = makeEgress(settings, {
    clock,
    campaign: campaignClient,
    dynamics: dynamicsClient,
    ledger: makeEventLedger(whenReady(tables.table("events"), tablesReady), clock),
    control,
    ports,
    dryRun,
  });

  return {
    clock,
    dryRun,
    lanesQueue: lanesQueueOf(settings.dryRun),
    egress,
    reconciling,
    optOutPull: makeOptOutPull(settings, campaignClient, control, ports),
    publishing,
    sweepSchedule: settings.sweepSchedule,
    decisionRetentionMs: settings.decisionRetentionMs,
    hasBusDoor: settings.notices !== undefined,
    probeBinding,
    campaignToken: () => campaignTokens.token(),
    gates,
    monitor: makeMonitor(settings, { http, ports, tallies, control, gates, failures }),
    pace: {
      pageSize: settings.load.pageSize,
      maxDepth: settings.load.queueDepth,
      lanes: settings.lanes,
      pollMs: 50,
      followMs: 30_000,
    },
    ports,
    controlPorts: {
      ingress: ports,
      ready: tablesReady,
      control,
      failures,
      decisions,
      publishing,
      lanes: settings.lanes,
      maxDepth: settings.load.queueDepth,
      gates: () => gates.list(),
      usageToday: async () =>
        Object.fromEntries(await tallies.campaign.usageOf(new Date(clock.now()).toISOString().slice(0, 10))),
      countRows: makeRowCounter(dynamicsClient),
      egress: egress.control,
      reconciling,
      backfill: egress.backfill,
      dryRun: dryRun?.run,
    },
  };
}

/** Whoever asks for settings or publishes them asks first what is in force, and may be the first to need the tables. */
function settingsVersionsOf(tables: EntityTables, ready: () => Promise<void>): SettingsVersions {
  const store = makeSettingsVersions(
    tables.table("settings"),
    shippedVersion(shippedSettingsVersion, shippedDocuments),
  );
  return {
    ...store,
    async inForce() {
      await ready();
      return store.inForce();
    },
  };
}

/** The client of the Campaign instance that the settings name. */
export function makeInstanceClient(
  { campaign }: Pick<Settings, "campaign">,
  http: HttpClient,
  tokens: TokenSource,
): CampaignClient {
  return makeCampaignClient({
    http,
    baseUrl: campaign.url,
    organization: campaign.tenant,
    apiKey: campaign.clientId,
    tokens,
    timeoutMs: campaign.callMs,
  });
}

/** The client of the Dynamics environment that the settings name; infra/dataverse provisions through the same one. */
export function makeDynamicsClient(
  settings: Pick<Settings, "dynamics">,
  http: HttpClient,
  clock: Clock,
): DataverseClient {
  const { url } = settings.dynamics;
  const tokens = dynamicsTokensOf(settings, http, clock);
  return makeDataverseClient({ http, clock, environment: url, tokens, timeoutMs: 60_000, budgetMs: 120_000 });
}
