import type { IngressPorts, SettingsPorts } from "../flows/ports.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { ControlStore } from "../storage/control.js";
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
}
