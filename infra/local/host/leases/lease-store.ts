import type { ScheduleStatus } from "../timer/schedule-status.js";

/**
 * Where hosts agree on who runs a timer, and where its schedule status outlives them. All calls may reject when the store is
 * out of reach; a rejected `hold` means: not held.
 */
export interface LeaseStore {
  /** Takes the lease, or renews it when `owner` has it already, for `periodMs` from now; false while another owner's lasts. */
  hold(timer: string, owner: string, periodMs: number): Promise<boolean>;
  /** Gives the lease up if `owner` has it. */
  release(timer: string, owner: string): Promise<void>;
  readStatus(timer: string): Promise<ScheduleStatus | undefined>;
  /** Only the holder of the lease writes. */
  writeStatus(timer: string, status: ScheduleStatus): Promise<void>;
}
