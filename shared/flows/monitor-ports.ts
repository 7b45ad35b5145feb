// What the monitor needs from the world (docs/telemetry.md). Adapters: messaging/queue-watch.ts and storage/.

import type { Clock } from "../model/clock.js";
import type { CheckpointStore } from "../storage/checkpoints.js";
import type { ControlStore } from "../storage/control.js";
import type { GateStore } from "../storage/gates.js";
import type { UsageStore } from "../storage/usage.js";
import type { SettingsSource } from "./ports.js";
import type { SecretExpiry } from "./secret-expiry.js";

/** The first message of a lane that may be taken: its number, and since when (epoch ms) it may be. The number changes when it is done, and only then. */
export interface Head {
  position: string;
  at: number;
}

/** A queue at one moment. `waiting` (records due now or within two seconds) and `dead` are counted up to a limit; heads are by lane. */
export interface QueueSight {
  waiting: number;
  dead: number;
  heads: ReadonlyMap<string, Head>;
}

/** Looks at one queue and its dead letters, taking nothing. UnavailableError, AuthError: it cannot be asked. */
export interface QueueWatch {
  queue: string;
  look(limit: number): Promise<QueueSight>;
}

/** From when on something is worth an alarm (setting MONITOR_LIMITS). */
export interface MonitorLimits {
  /** A flow, a table's checkpoint, the messages of a lane or a closed gate that do not move for so long stand still. */
  quietMinutes: number;
  /** A message that could be taken waits for longer. */
  oldestMinutes: number;
  /** So many failures are open. */
  openFailures: number;
  /** A workflow is stopped, or a table parked by an operator, for longer. */
  stoppedHours: number;
  /** A change tracking token is older; Dynamics keeps its tracking for seven days unless told otherwise. */
  tokenDays: number;
}

/** What the monitor works with; made by services.ts, or by a test. */
export interface MonitorPorts {
  queues: readonly QueueWatch[];
  settings: SettingsSource;
  control: Pick<ControlStore, "read">;
  gates: Pick<GateStore, "list">;
  checkpoints: CheckpointStore;
  /** How many failures are open; counting may stop at a bound. */
  openFailures(): Promise<number>;
  /** Counts of calls by system, and of changes by how late they were written, all by day. */
  tallies: Readonly<Record<"campaign" | "dynamics" | "lag", Pick<UsageStore, "usageOf">>>;
  /** Are e-mail events brought to Dynamics? */
  bringsEvents: boolean;
  /** Secrets whose end is known. */
  secrets: readonly SecretExpiry[];
  limits: MonitorLimits;
  clock: Clock;
}
