// The composition root: settings in, adapters built, flows' ports out. One set for the life of the process, made on first use.

import { randomUUID } from "node:crypto";
import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";
import { type CampaignClient, makeCampaignClient } from "./campaign/client.js";
import { makeEventFiles } from "./campaign/event-files.js";
import { makeEventProbes } from "./campaign/event-probes.js";
import { defaultEventFields } from "./campaign/event-row.js";
import { makeEventSource, type RestEventSource } from "./campaign/event-source.js";
import { checkEvents } from "./campaign/event-watch.js";
import { makeResourceMetadataSource } from "./campaign/metadata.js";
import { makeOptOutFiles } from "./campaign/opt-out-files.js";
import { makeOptOutPages } from "./campaign/opt-out-pages.js";
import { makeOptOutSource } from "./campaign/opt-out-source.js";
import { makeCampaignOptOuts } from "./campaign/opt-outs.js";
import { makeCampaignRecords } from "./campaign/records.js";
import { makeCampaignSource } from "./campaign/source.js";
import type { Backfilling, ControlPorts, EgressControl, Reconciling } from "./control/ports.js";
import { makeActivitySink } from "./dataverse/activities.js";
import { activityTables } from "./dataverse/activity-tables.js";
import { type DataverseClient, makeDataverseClient } from "./dataverse/client.js";
import { makeRowCounter } from "./dataverse/count-rows.js";
import { makeMetadataSource } from "./dataverse/metadata.js";
import { makeDynamicsOptOuts } from "./dataverse/opt-outs.js";
import { makeDynamicsSource } from "./dataverse/source.js";
import { AuthError, BindingError, SettingsError, type SettingsProblem } from "./errors.js";
import type { BackfillPace } from "./flows/backfill-events.js";
import type { EgressPorts, EventCheckPorts, EventLedger, EventSource } from "./flows/egress-ports.js";
import type { LoadPace } from "./flows/fill-lanes.js";
import type { IngressPorts, SettingsPorts } from "./flows/ports.js";
import type { PullPace } from "./flows/pull-events.js";
import { makeRecent, type OptOutPace, type OptOutPullPorts } from "./flows/pull-opt-outs.js";
import type { ReconcilePace } from "./flows/reconcile-opt-outs.js";
import type { WordsPace } from "./flows/reconcile-words.js";
import { toFailure } from "./flows/refused-event.js";
import { verifyBinding } from "./flows/verify-binding.js";
import { type HttpClient, makeHttpClient } from "./http/client.js";
import { fetchToken } from "./http/oauth.js";
import { makeSharedThrottle } from "./http/shared-throttle.js";
import { makeTokenCache, type TokenSource } from "./http/token-cache.js";
import { shippedDocuments, shippedSettingsVersion } from "./mapping/shipped.js";
import { makeServiceBusClient } from "./messaging/service-bus-client.js";
import { makeServiceBusChangeQueue } from "./messaging/service-bus-queue.js";
import type { Clock } from "./model/clock.js";
import { eventTypes } from "./model/email-event.js";
import { type AzureConnection, loadSettings, type Settings } from "./settings/load.js";
import { openSftp } from "./sftp/sftp-session.js";
import { makeAzureEntityTables } from "./storage/azure-entity-table.js";
import { type Binding, makeBindingStore } from "./storage/binding.js";
import { makeCheckpointStore } from "./storage/checkpoints.js";
import { makeChildLinks } from "./storage/child-links.js";
import { type ControlStore, makeControlStore } from "./storage/control.js";
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
import { makeUsage, type UsageStore } from "./storage/usage.js";

/** Everything the triggers use. */
export interface Services {
  ports: IngressPorts;
  /** Publishing, rolling back and finishing publications. */
  publishing: SettingsPorts;
  /** What the control API works with. */
  controlPorts: ControlPorts;
  pace: LoadPace;
  /** E-mail events to Dynamics. */
  egress: {
    ports: EgressPorts;
    pace: PullPace;
    schedule: string;
    checks: { ports: EventCheckPorts; schedule: string };
    control: EgressControl;
    backfill: Backfilling | undefined;
  };
  /** Opt-outs that both sides hold already: comparing them, and acting on the list. */
  reconciling: Reconciling & { words: WordsPace };
  /** Opt-outs that changed in Campaign, where a mapping wants them. */
  optOutPull: { ports: OptOutPullPorts; pace: OptOutPace; schedule: string };
  sweepSchedule: string;
  /** How long decisions on opt-outs are kept. */
  decisionRetentionMs: number;
  /** Does Dynamics post to a Service Bus queue of ours? */
  hasBusDoor: boolean;
  clock: Clock;
  /** Verifies the binding afresh and answers it; for `health`, which must not answer from memory. */
  probeBinding(): Promise<Binding>;
  /** A token for Campaign; AuthError when the credential is not accepted. */
  campaignToken(): Promise<string>;
  /** The gates as `ports.gates` has them, and their state for an operator. */
  gates: GateStore;
  /** Campaign calls by purpose and day. */
  usage: UsageStore;
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
/** One step of an SFTP session, such as a read of some 100 KB. */
const sftpStepMs = 30_000;
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
  const tables = makeAzureEntityTables(tablesConnection(settings.tables));
  const tablesReady = remember(() => tables.ensure(tableNames), Number.POSITIVE_INFINITY, clock);
  const workflows = whenReady(tables.table("workflows"), tablesReady);
  const gates = makeGates({
    entities: workflows,
    clock,
    newId: randomUUID,
    leaseMs: { campaign: 1.5 * settings.campaign.callMs + 5_000, dynamics: dynamicsProbeMs },
  });
  const usage = makeUsage(whenReady(tables.table("usage"), tablesReady), clock);
  const http = makeHttpClient({
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
      if (system === "campaign") usage.count(operation);
      if (system === "campaign" || system === "dynamics") gates.sent(system);
    },
  });
  const dynamicsClient = makeDynamicsClient(settings, http, clock);
  const dynamics = makeDynamicsSource(dynamicsClient);
  const campaignTokens = campaignTokensOf(settings, http, clock);
  const campaignClient = makeCampaignClient({
    http,
    baseUrl: settings.campaign.url,
    organization: settings.campaign.tenant,
    apiKey: settings.campaign.clientId,
    tokens: campaignTokens,
    timeoutMs: settings.campaign.callMs,
  });
  const campaign = makeCampaignRecords(campaignClient);
  const queue = makeServiceBusChangeQueue({
    client: makeServiceBusClient(busConnection(settings.serviceBus)),
    queue: "changes",
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
  const ports: IngressPorts = {
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

  const reconciling: Services["reconciling"] = {
    ports: {
      ...ports,
      pages: makeOptOutPages(campaignClient, clock, settings.campaign.callMs),
      differences: makeDifferenceStore(tables.table("reconciliations"), clock),
      stopped: async () => ((await control.isWanted("optout")) ? undefined : "opt-outs are stopped"),
    },
    pace: reconcilePace,
    words: { maxDepth: settings.load.queueDepth, pollMs: 50, retryMs: reconcilePace.retryMs },
  };
  const egress = makeEgress(settings, {
    clock,
    campaign: campaignClient,
    dynamics: dynamicsClient,
    ledger: makeEventLedger(whenReady(tables.table("events"), tablesReady)),
    control,
    ports,
  });

  return {
    clock,
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
    usage,
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
      usageToday: async () => Object.fromEntries(await usage.usageOf(new Date(clock.now()).toISOString().slice(0, 10))),
      countRows: makeRowCounter(dynamicsClient),
      egress: egress.control,
      reconciling,
      backfill: egress.backfill,
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

/** How far back each pull of events reads; the wide look covers the longest run of a staging workflow. */
const pullPace: PullPace = {
  pageSize: 1_000,
  pagesAtOnce: 3,
  narrowMs: 120_000,
  wideMs: 30 * 60_000,
  wideEveryMs: 15 * 60_000,
};

/** A page fills two rounds of batches; rows come as late as for the pull. */
const backfillPace: BackfillPace = { pageSize: 300, lateMs: pullPace.wideMs, retryMs: 60_000 };
/**
 * Dynamics grants a user on one server as much time as four requests take that never pause (20 minutes in five, facts/dataverse.md §7): history leaves one of
 * them to fresh events.
 */
const backfillParallel = 3;

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

function makeOptOutPull(
  { optOuts: { from, schedule, everyMs }, campaign: { callMs }, load }: Settings,
  client: CampaignClient,
  control: ControlStore,
  { settings, checkpoints, states, queue, gates, clock, binding }: IngressPorts,
): Services["optOutPull"] {
  const source =
    from.by === "rest"
      ? makeOptOutSource({ client, clock, callMs, filter: from.filter, by: from.on })
      : makeOptOutFiles({
          open: () => openSftp({ ...from.account, timeoutMs: sftpStepMs }),
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

/** So many profiles are asked when they last got an e-mail, while no event comes. */
const watchedProfiles = 5;

interface EgressParts {
  clock: Clock;
  campaign: CampaignClient;
  dynamics: DataverseClient;
  ledger: EventLedger;
  control: ControlStore;
  ports: IngressPorts;
}

function makeEgress(
  { egress, events, ownTag, campaign: { callMs } }: Settings,
  { clock, campaign, dynamics, ledger, control, ports }: EgressParts,
): Services["egress"] {
  const { types, tasks, schedule, checksSchedule, prefix } = egress;
  const tables = activityTables(prefix, egress.tables);
  const { checkpoints, gates, binding, failures } = ports;
  const sinkOptions = { tag: ownTag, newId: randomUUID, clock };
  const source = eventSourceOf(events, campaign, clock, callMs);
  const pull: EgressPorts = {
    source,
    sink: makeActivitySink(dynamics, tables, sinkOptions),
    ledger,
    checkpoints,
    gates,
    clock,
    binding,
    settings: async () => ({ types, tasks }),
    stopped: async () => ((await control.isWanted("egress")) ? undefined : "egress is stopped"),
    failed: (failure) => failures.report(toFailure(tables[failure.event.type].name, failure)),
    succeeded: ({ event, id }) => failures.resolve(tables[event.type].name, id),
  };
  const restSource = (): RestEventSource | undefined =>
    events.from.by === "rest" ? restSourceOf(events.from, events.fields, campaign, clock, callMs) : undefined;
  // What is extracted to files comes once and is gone then.
  const history = types.size === 0 ? undefined : restSource();
  const again = restSource();
  const sink = makeActivitySink(dynamics, tables, { ...sinkOptions, most: backfillParallel });
  const watch = {
    source: restSource() ?? source,
    probes: makeEventProbes(campaign, clock, callMs),
    workflows: events.workflows,
    profiles: watchedProfiles,
    clock,
  };
  return {
    pace: pullPace,
    schedule,
    ports: pull,
    checks: { ports: { ...pull, ask: (known) => checkEvents(watch, known) }, schedule: checksSchedule },
    control: {
      ports: pull,
      by: events.from.by,
      tables: new Map(eventTypes.map((type) => [tables[type].name, type])),
      redrive: again && { ...pull, source: again },
      newId: randomUUID,
    },
    backfill: history && {
      ports: { ...pull, source: history, sink },
      pace: backfillPace,
      parallel: backfillParallel,
    },
  };
}

/** Where Campaign's e-mail events are read. */
function eventSourceOf(
  { from, fields: renamed }: Settings["events"],
  client: CampaignClient,
  clock: Clock,
  callMs: number,
): EventSource {
  const fields = { ...defaultEventFields, ...renamed };
  if (from.by === "files") {
    const { folder, names, settledMs, account } = from;
    const open = () => openSftp({ ...account, timeoutMs: sftpStepMs });
    return makeEventFiles({ open, folder, name: names, settledMs, fields, clock });
  }
  return restSourceOf(from, renamed, client, clock, callMs);
}

function restSourceOf(
  { api, resource: name, order, filter }: Extract<Settings["events"]["from"], { by: "rest" }>,
  renamed: Settings["events"]["fields"],
  client: CampaignClient,
  clock: Clock,
  callMs: number,
): RestEventSource {
  const row = { fields: { ...defaultEventFields, ...renamed } };
  return makeEventSource({ client, clock, callMs, resource: { api, name, order, filter }, row });
}

/** The client of the Dynamics environment that the settings name; infra/dataverse provisions through the same one. */
export function makeDynamicsClient(
  settings: Pick<Settings, "dynamics">,
  http: HttpClient,
  clock: Clock,
): DataverseClient {
  const { url, auth } = settings.dynamics;
  const tokens =
    auth.by === "client-secret"
      ? makeTokenCache(
          () =>
            fetchToken(http, clock, {
              system: "entra",
              url: new URL(`/${encodeURIComponent(auth.tenantId)}/oauth2/v2.0/token`, auth.authority),
              clientId: auth.clientId,
              clientSecret: auth.clientSecret,
              scope: `${url.origin}/.default`,
              settings: "DYNAMICS_TENANT_ID, DYNAMICS_CLIENT_ID and DYNAMICS_CLIENT_SECRET",
            }),
          clock,
        )
      : managedIdentityTokens(`${url.origin}/.default`, auth.clientId, clock);
  return makeDataverseClient({ http, clock, environment: url, tokens, timeoutMs: 60_000, budgetMs: 120_000 });
}

function campaignTokensOf({ campaign }: Settings, http: HttpClient, clock: Clock): TokenSource {
  const request = {
    system: "ims" as const,
    url: new URL("/ims/token/v3", campaign.ims),
    clientId: campaign.clientId,
    clientSecret: campaign.clientSecret,
    scope: campaign.scopes,
    settings: "CAMPAIGN_CLIENT_ID, CAMPAIGN_CLIENT_SECRET and CAMPAIGN_SCOPES",
  };
  return makeTokenCache(() => fetchToken(http, clock, request), clock);
}

function managedIdentityTokens(scope: string, clientId: string | undefined, clock: Clock): TokenSource {
  const credential =
    clientId === undefined ? new ManagedIdentityCredential() : new ManagedIdentityCredential({ clientId });
  return makeTokenCache(async () => {
    const token = await credential.getToken(scope).catch((error: unknown) => {
      throw new AuthError(
        "the managed identity got no token for Dynamics: is it assigned to the Function App?",
        {},
        error,
      );
    });
    return { value: token.token, expiresAt: token.expiresOnTimestamp };
  }, clock);
}

function busConnection(connection: AzureConnection) {
  return connection.by === "connection-string"
    ? { connectionString: connection.value }
    : { fullyQualifiedNamespace: connection.address, credential: new DefaultAzureCredential() };
}

function tablesConnection(connection: AzureConnection) {
  return connection.by === "connection-string"
    ? { connectionString: connection.value }
    : { url: connection.address, credential: new DefaultAzureCredential() };
}

/**
 * Keeps a verified binding for `maxAgeMs`, and beyond it while its sources cannot be asked: notices are taken in though Dynamics
 * is away. A binding that is wrong is never kept. Callers at the same moment share one call.
 */
function remember<T>(call: () => Promise<T>, maxAgeMs: number, clock: Clock): () => Promise<T> {
  let kept: { value: T; until: number } | undefined;
  let running: Promise<T> | undefined;
  const ask = async (): Promise<T> => {
    try {
      const value = await call();
      kept = { value, until: clock.now() + maxAgeMs };
      return value;
    } catch (error) {
      if (!kept || error instanceof BindingError) throw error;
      return kept.value;
    } finally {
      running = undefined;
    }
  };
  return async () => {
    if (kept && clock.now() < kept.until) return kept.value;
    running ??= ask();
    return running;
  };
}
