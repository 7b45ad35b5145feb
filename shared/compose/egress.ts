// What e-mail events are read and written with, put together from settings. What happens to them is in shared/flows/.

import { randomUUID } from "node:crypto";
import type { CampaignClient } from "../campaign/client.js";
import { makeEventFiles } from "../campaign/event-files.js";
import { makeEventProbes } from "../campaign/event-probes.js";
import { defaultEventFields } from "../campaign/event-row.js";
import { makeEventSource, type RestEventSource } from "../campaign/event-source.js";
import { checkEvents } from "../campaign/event-watch.js";
import type { Backfilling, EgressControl } from "../control/ports.js";
import { makeActivitySink } from "../dataverse/activities.js";
import { activityTables } from "../dataverse/activity-tables.js";
import type { DataverseClient } from "../dataverse/client.js";
import type { BackfillPace } from "../flows/backfill-events.js";
import type { ActivitySink, EgressPorts, EventCheckPorts, EventSource } from "../flows/egress-ports.js";
import type { IngressPorts } from "../flows/ports.js";
import type { PullPace } from "../flows/pull-events.js";
import { toFailure } from "../flows/refused-event.js";
import type { Clock } from "../model/clock.js";
import { eventTypes } from "../model/email-event.js";
import type { Settings } from "../settings/load.js";
import { openerOf } from "../sftp/open-account.js";
import type { ControlStore } from "../storage/control.js";
import type { EventLedgerStore } from "../storage/event-ledger.js";
import type { DryRunServices } from "./dry-run.js";

/** E-mail events to Dynamics: pulling, checking, the operator's orders, history. */
export interface EgressServices {
  ports: EgressPorts;
  pace: PullPace;
  schedule: string;
  checks: { ports: EventCheckPorts; schedule: string };
  control: EgressControl;
  backfill: Backfilling | undefined;
  /** What is forgotten of events, and when. */
  retention: { ledger: EventLedgerStore; keptMs: number };
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

/** So many profiles are asked when they last got an e-mail, while no event comes. */
const watchedProfiles = 5;

interface EgressParts {
  clock: Clock;
  campaign: CampaignClient;
  dynamics: DataverseClient;
  ledger: EventLedgerStore;
  control: ControlStore;
  ports: IngressPorts;
  dryRun: DryRunServices | undefined;
}

/** Everything for e-mail events; connects to nothing yet. */
export function makeEgress(
  { egress, events, ownTag, eventRetentionMs, campaign: { callMs }, dryRun: isDryRun }: Settings,
  { clock, campaign, dynamics, ledger, control, ports, dryRun }: EgressParts,
): EgressServices {
  const { types, tasks, schedule, checksSchedule, prefix } = egress;
  const tables = activityTables(prefix, egress.tables);
  const { checkpoints, gates, binding, failures } = ports;
  const sinkOptions = { tag: ownTag, newId: randomUUID, clock };
  const noted = (sink: ActivitySink): ActivitySink => dryRun?.activities(sink, tables) ?? sink;
  const source = eventSourceOf(events, isDryRun, campaign, clock, callMs);
  const pull: EgressPorts = {
    source,
    sink: noted(makeActivitySink(dynamics, tables, sinkOptions)),
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
  const sink = noted(makeActivitySink(dynamics, tables, { ...sinkOptions, most: backfillParallel }));
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
    retention: { ledger, keptMs: eventRetentionMs },
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
  isDryRun: boolean,
  client: CampaignClient,
  clock: Clock,
  callMs: number,
): EventSource {
  const fields = { ...defaultEventFields, ...renamed };
  if (from.by === "files") {
    const { folder, names, settledMs, account } = from;
    const open = openerOf(account, isDryRun);
    return makeEventFiles({ open, folder, name: names, settledMs, fields, clock });
  }
  return restSourceOf(from, renamed, client, clock, callMs);
}

/** The staged events, as settings say where and how. */
export function restSourceOf(
  { api, resource: name, order, filter }: Extract<Settings["events"]["from"], { by: "rest" }>,
  renamed: Settings["events"]["fields"],
  client: CampaignClient,
  clock: Clock,
  callMs: number,
): RestEventSource {
  const row = { fields: { ...defaultEventFields, ...renamed } };
  return makeEventSource({ client, clock, callMs, resource: { api, name, order, filter }, row });
}
