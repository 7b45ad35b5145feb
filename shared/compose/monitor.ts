// What the monitor looks at, put together from settings. What it makes of it is in shared/flows/.

import { countOpen } from "../control/count-open.js";
import type { MonitorPorts, QueueWatch } from "../flows/monitor-ports.js";
import type { IngressPorts } from "../flows/ports.js";
import type { HttpClient } from "../http/client.js";
import { makeServiceBusQueueWatch } from "../messaging/queue-watch.js";
import { lanesQueueOf } from "../messaging/queues.js";
import { makeServiceBusClient } from "../messaging/service-bus-client.js";
import type { AzureConnection, Settings } from "../settings/load.js";
import type { ControlStore } from "../storage/control.js";
import type { EntityTable } from "../storage/entity-table.js";
import type { FailureStore } from "../storage/failures.js";
import type { GateStore } from "../storage/gates.js";
import { makeUsage, type UsageStore } from "../storage/usage.js";
import { makeOtlpSender, type SendMetrics } from "../telemetry/otlp-metrics.js";
import { busConnection } from "./auth.js";
import { remember } from "./remember.js";

/** What is counted for the monitor: calls by purpose, and changes by how late they were written. */
export type Tallies = Readonly<Record<keyof MonitorPorts["tallies"], UsageStore>>;

/** The monitor, and what counts for it. */
export interface MonitorServices {
  ports: MonitorPorts;
  tallies: Tallies;
  schedule: string;
  /** Undefined: no collector is named. */
  send: SendMetrics | undefined;
}

const timeoutMs = 10_000;
/** Counting failures reads through all of them, so that it is not done at every look. */
const failuresAgeMs = 5 * 60_000;

/** Counters over table `usage`; those of Campaign calls have the days to themselves. */
export function makeTallies(usage: EntityTable, clock: MonitorPorts["clock"]): Tallies {
  const tally = (prefix: string): UsageStore => makeUsage(usage, clock, prefix);
  return { campaign: tally(""), dynamics: tally("dynamics-"), lag: tally("lag-") };
}

interface MonitorParts {
  http: HttpClient;
  ports: IngressPorts;
  tallies: Tallies;
  control: ControlStore;
  gates: GateStore;
  failures: FailureStore;
}

/** Everything for the monitor; connects to nothing yet. It has clients of its own, for nobody else may peek through them. */
export function makeMonitor(
  { serviceBus, notices, egress, monitor, dryRun, secrets }: Settings,
  { http, ports: { settings, checkpoints, clock }, tallies, control, gates, failures }: MonitorParts,
): MonitorServices {
  const { collector, service } = monitor;
  const watchOf = (connection: AzureConnection, queue: string): QueueWatch =>
    makeServiceBusQueueWatch({ client: makeServiceBusClient(busConnection(connection)), queue, clock, timeoutMs });
  return {
    schedule: monitor.schedule,
    tallies,
    send: collector && makeOtlpSender({ http, clock, endpoint: collector, service }),
    ports: {
      queues: [watchOf(serviceBus, lanesQueueOf(dryRun)), ...(notices ? [watchOf(notices, "dataverse-notices")] : [])],
      settings,
      control,
      gates,
      checkpoints,
      openFailures: remember(async () => (await countOpen(failures)).open, failuresAgeMs, clock),
      tallies,
      bringsEvents: egress.types.size > 0,
      secrets,
      limits: monitor.limits,
      clock,
    },
  };
}
