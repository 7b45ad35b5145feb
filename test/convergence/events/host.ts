// One host of the app as far as e-mail events go: the product's flow over the product's adapters, put together as services.ts does.

import { failedRun } from "../../../functions/failed-run.js";
import { defaultEventFields } from "../../../shared/campaign/event-row.js";
import { makeEventSource } from "../../../shared/campaign/event-source.js";
import { makeActivitySink } from "../../../shared/dataverse/activities.js";
import { type ActivityTables, activityTables } from "../../../shared/dataverse/activity-tables.js";
import type { DataverseClient } from "../../../shared/dataverse/client.js";
import type { ActivitySink, EgressPorts, EgressSettings } from "../../../shared/flows/egress-ports.js";
import { type PullPace, pullEvents } from "../../../shared/flows/pull-events.js";
import { makeCheckpointStore } from "../../../shared/storage/checkpoints.js";
import type { EntityTables } from "../../../shared/storage/entity-tables.js";
import { makeEventLedger } from "../../../shared/storage/event-ledger.js";
import { makeFailureStore } from "../../../shared/storage/failures.js";
import type { Transport } from "../peers.js";
import { campaignBudgetMs, startPlumbing } from "../plumbing.js";
import type { Life, LifeParts } from "../process.js";
import type { Trace } from "../trace.js";

/** Breaks the product on purpose, to see that it is noticed. */
export interface EventSabotage {
  pace?: Partial<PullPace>;
  ports?: (ports: EgressPorts) => EgressPorts;
  sink?: (client: DataverseClient, tables: ActivityTables) => Partial<ActivitySink>;
}

/** What hosts share. */
export interface EventDeployment {
  tables: EntityTables;
  transport: Transport;
  trace: Trace;
  pace: PullPace;
  /** Does the resource have its filter? */
  isFiltered: boolean;
  /** Rows held in memory where there is no filter: more than ever change at once. */
  windowRows: number;
  settings: () => EgressSettings;
  sabotage: EventSabotage | undefined;
}

/** A running host. */
export interface EventHost {
  life: Life;
  /** What the timer starts: one run, for so long. Answers whether it read everything there was. */
  pull(forMs: number): Promise<boolean>;
}

/** Builds what services.ts builds, for one life. */
export function startEventHost(life: Life, parts: LifeParts, deployment: EventDeployment): EventHost {
  const { clock } = life;
  const { trace, sabotage, isFiltered } = deployment;
  const { tables, gates, dataverse, campaign, binding } = startPlumbing(life, parts, deployment);
  const activities = activityTables();
  const failures = makeFailureStore(tables.table("failures"), clock);
  let batches = 0;
  const newId = (): string => {
    batches += 1;
    return `${life.name}-${batches}`;
  };
  const filter = { name: "ModifiedSince", parameter: "since", format: "space" } as const;
  const ports: EgressPorts = {
    source: makeEventSource({
      client: campaign,
      clock,
      callMs: campaignBudgetMs,
      resource: {
        api: "profileAndServicesExt",
        name: "cusEmailEvent",
        order: "lastModified",
        filter: isFiltered ? filter : undefined,
      },
      row: { fields: defaultEventFields },
      windowRows: deployment.windowRows,
    }),
    sink: {
      ...makeActivitySink(dataverse, activities, { tag: "acs-sync", newId, clock, batchOperations: 12 }),
      ...sabotage?.sink?.(dataverse, activities),
    },
    ledger: makeEventLedger(tables.table("events"), clock),
    checkpoints: makeCheckpointStore(tables.table("checkpoints")),
    gates,
    clock,
    binding,
    settings: async () => deployment.settings(),
    stopped: async () => undefined,
    failed: ({ event, id, code, message }) =>
      failures.report({
        flow: "egress",
        table: activities[event.type].name,
        id,
        reason: "refused",
        code,
        message,
        attempts: 1,
        cause: "sweep",
        correlationId: event.id,
      }),
    succeeded: ({ event, id }) => failures.resolve(activities[event.type].name, id),
  };
  const log = {
    info: () => {},
    warn: () => {},
    error: (event: string, facts?: object) => trace.add(life.name, `${event}: ${JSON.stringify(facts ?? {})}`),
  };
  return {
    life,
    async pull(forMs) {
      await life.step("pull");
      try {
        const done = await pullEvents(
          sabotage?.ports?.(ports) ?? ports,
          { ...deployment.pace, ...sabotage?.pace },
          clock.now() + forMs,
        );
        const { written, existed, noContact, refused, held } = done;
        if (written + existed + noContact + refused > 0 || held !== undefined) {
          trace.add(life.name, `pulls: ${JSON.stringify({ written, existed, noContact, refused, held })}`);
        }
        return done.upToDate;
      } catch (error) {
        await failedRun(log, gates, "a pull fails", error);
        return false;
      }
    },
  };
}
