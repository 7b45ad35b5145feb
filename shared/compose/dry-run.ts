// The parts of the app that a dry run has in place of others, put together: tables on top of the real ones, and ports that note what they would write. What
// they note is in shared/flows/dry-*.ts.

import { makeDryCampaign, makeDryCampaignOptOuts } from "../flows/dry-campaign.js";
import { makeDryActivities, makeDryDynamics, makeDryDynamicsOptOuts } from "../flows/dry-dynamics.js";
import { noteLook } from "../flows/dry-look.js";
import type { DryRun } from "../flows/dry-run-ports.js";
import type { ActivitySink } from "../flows/egress-ports.js";
import type { Handled } from "../flows/handle-message.js";
import type { IngressPorts } from "../flows/ports.js";
import type { Clock } from "../model/clock.js";
import type { EventType } from "../model/email-event.js";
import { makeDryNotes } from "../storage/dry-notes.js";
import { type DryTables, makeDryTables } from "../storage/dry-tables.js";
import type { DroppableTables } from "../storage/entity-tables.js";

/** Calls are made, in a dry run too, and counted where all are. */
const notCopied: readonly string[] = ["usage"];

/** What changes with everything that reads or writes. */
type WritingPorts = Pick<IngressPorts, "dynamics" | "campaign" | "campaignSource" | "optOuts">;

/** A dry run as services.ts puts it in place of what writes. */
export interface DryRunServices {
  tables: DryTables;
  run: DryRun;
  /** The ports without their writes. */
  ports<Ports extends WritingPorts>(ports: Ports): Ports;
  activities(sink: ActivitySink, tables: Readonly<Record<EventType, { name: string }>>): ActivitySink;
  /** Notes what became of a record that was handled. */
  look(handled: Handled): Promise<void>;
}

/** A dry run over the app's tables, `names`. */
export function makeDryRun(base: DroppableTables, names: readonly string[], clock: Clock): DryRunServices {
  const copied = names.filter((name) => !notCopied.includes(name));
  const tables = makeDryTables(base, { copied, own: ["notes"], stamp: "checkpoints" }, clock);
  const notes = makeDryNotes(tables.own("notes"), clock);
  return {
    tables,
    run: {
      info: () => tables.info(),
      list: (filter, after) => notes.list(filter, after),
      startOver: async () => (await tables.startOver()).number,
    },
    ports(ports) {
      const { dynamics, campaignSource, optOuts } = ports;
      const inCampaign = { notes, source: campaignSource, optOuts: optOuts.campaign, clock };
      const inDynamics = { notes, source: dynamics, optOuts: optOuts.dynamics, clock };
      return {
        ...ports,
        dynamics: makeDryDynamics(inDynamics),
        campaign: makeDryCampaign(inCampaign),
        optOuts: {
          ...optOuts,
          campaign: makeDryCampaignOptOuts(inCampaign),
          dynamics: makeDryDynamicsOptOuts(inDynamics),
        },
      };
    },
    activities: (sink, activityTables) => makeDryActivities(notes, sink, activityTables),
    look: (handled) => noteLook(notes, handled),
  };
}
