import type { BackfillPace, BackfillPorts } from "../flows/backfill-events.js";
import type { DryRun } from "../flows/dry-run-ports.js";
import type { EgressPorts } from "../flows/egress-ports.js";
import type { IngressPorts, SettingsPorts } from "../flows/ports.js";
import type { ReconcilePace } from "../flows/reconcile-opt-outs.js";
import type { ReconcilePorts } from "../flows/reconcile-ports.js";
import type { RedriveEventPorts } from "../flows/redrive-events.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { EventType } from "../model/email-event.js";
import type { ControlStore } from "../storage/control.js";
import type { DecisionStore } from "../storage/decisions.js";
import type { FailureStore } from "../storage/failures.js";
import type { GateStatus } from "../storage/gates.js";

/** What the control API works with; made by services.ts, or by a test. */
export interface ControlPorts {
  ingress: Pick<
    IngressPorts,
    | "settings"
    | "binding"
    | "dynamics"
    | "campaignSource"
    | "queue"
    | "states"
    | "checkpoints"
    | "clock"
    | "campaignBudgetMs"
  >;
  /** Resolves when the tables exist; asked before every request. */
  ready(): Promise<unknown>;
  control: ControlStore;
  failures: FailureStore;
  /** Decisions on opt-outs. */
  decisions: DecisionStore;
  publishing: SettingsPorts;
  lanes: number;
  /** Redriving many waits while so many messages are on the queue. */
  maxDepth: number;
  /** Both gates as an operator sees them. */
  gates(): Promise<readonly GateStatus[]>;
  /** Calls made today, by purpose; undefined: nobody counts them. */
  usageToday(): Promise<Readonly<Record<string, number>> | undefined>;
  /** About how many rows the table has in Dynamics; the number may be a day old. Undefined: it cannot be told. */
  countRows(mapping: CompiledMapping): Promise<number | undefined>;
  /** E-mail events; undefined: this deployment has none. */
  egress: EgressControl | undefined;
  /** Comparing the opt-outs that both sides hold already. */
  reconciling: Reconciling;
  /** Undefined: this is none. */
  dryRun?: DryRun | undefined;
  /** Undefined: e-mail events are off, or come from where there is no history to ask for. */
  backfill: Backfilling | undefined;
}

/** What an operator sees of e-mail events, and does to those that were refused. */
export interface EgressControl {
  ports: EgressPorts;
  by: "rest" | "files";
  /** Types by the table of their activities. */
  tables: ReadonlyMap<string, EventType>;
  /** Undefined: what was read once cannot be read again. */
  redrive: RedriveEventPorts | undefined;
  /** Names a run. */
  newId(): string;
}

/** Comparing opt-outs, and at what pace. */
export interface Reconciling {
  ports: ReconcilePorts;
  pace: ReconcilePace;
}

/** Back-filling e-mail events, and at what pace: `parallel` requests to Dynamics at once. */
export interface Backfilling {
  ports: BackfillPorts;
  pace: BackfillPace;
  parallel: number;
}
