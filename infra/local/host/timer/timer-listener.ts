// One timer of one host: waits for its lease, runs on schedule while it has it. What is due and what is past due: schedule-status.ts.
import type { FunctionDefinition, TimerTrigger } from "../config/function-definition.js";
import type { LeaseStore } from "../leases/lease-store.js";
import { describeError, type Log } from "../log.js";
import type { Runner } from "../runner.js";
import { runWithRetry } from "./retry.js";
import type { TimerSchedule } from "./schedule.js";
import { afterRun, decideStart, type ScheduleStatus, timerInput } from "./schedule-status.js";

export interface TimerListenerOptions {
  definition: FunctionDefinition;
  trigger: TimerTrigger;
  schedule: TimerSchedule;
  leases: LeaseStore;
  /** This host among all that share the store. */
  owner: string;
  lockPeriodMs: number;
  runner: Runner;
  log: Log;
}

export interface TimerListener {
  /** Runs the function once more as soon as no other run of it is going on here, lease or not. */
  runNow(): void;
  /** No further run starts; the lease is given up when the current run has ended. */
  stop(): Promise<void>;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Starts a timer. Only the host that holds the lease runs it; the lease is renewed three times a period and lost when the
 * store cannot be reached for a whole period. Runs of one timer never overlap in one host.
 */
export function startTimerListener(options: TimerListenerOptions): TimerListener {
  const { definition, trigger, schedule, leases, owner, lockPeriodMs } = options;
  const name = definition.name;
  const stopping = new AbortController();
  let heldUntil = 0;
  /** An occurrence came while the lease had run out: made up for when it is renewed after all. */
  let isMissed = false;
  let status: ScheduleStatus | undefined;
  let wakeUp: NodeJS.Timeout | undefined;
  let renewal: NodeJS.Timeout | undefined;
  let renewing: Promise<void> = Promise.resolve();
  let current: Promise<void> = Promise.resolve();

  const log = (level: "information" | "warning", message: string): void =>
    options.log({ level, message, function: name });
  const isStopped = (): boolean => stopping.signal.aborted;
  const isHeld = (): boolean => Date.now() < heldUntil;

  const renew = async (): Promise<void> => {
    if (heldUntil > 0 && !isHeld()) loseLease("the lease ran out");
    const askedAt = Date.now();
    try {
      const held = await leases.hold(name, owner, lockPeriodMs);
      if (isStopped()) return;
      if (!held) loseLease("another host has the lease");
      else if (heldUntil > 0) goOn(askedAt + lockPeriodMs);
      else await takeOver(askedAt + lockPeriodMs);
    } catch (error) {
      log("warning", `timer lease store out of reach: ${describeError(error)}`);
    }
    if (!isStopped()) renewal = setTimeout(keepLease, lockPeriodMs / 3);
  };
  const keepLease = (): void => {
    renewing = renew();
  };

  const goOn = (until: number): void => {
    heldUntil = until;
    if (!isMissed || !isHeld()) return;
    isMissed = false;
    scheduleNext();
  };

  const loseLease = (why: string): void => {
    if (heldUntil === 0) return;
    heldUntil = 0;
    isMissed = false;
    clearTimeout(wakeUp);
    log("warning", `timer stopped on this host: ${why}`);
  };

  /** Reads the status, catches up on what was missed while no host ran, and begins the schedule. */
  const takeOver = async (until: number): Promise<void> => {
    const stored = schedule.monitored ? await leases.readStatus(name) : undefined;
    const decision = decideStart(stored, schedule, new Date());
    if (decision.changed && schedule.monitored) await leases.writeStatus(name, decision.status);
    status = decision.status;
    heldUntil = until;
    log("information", `timer started on this host, next occurrence ${status.next.toISOString()}`);
    if (decision.isPastDue) queueRun("past due");
    else if (trigger.runOnStartup) queueRun("startup");
    else scheduleNext();
  };

  const scheduleNext = (): void => {
    if (!isHeld()) isMissed = true;
    if (isStopped() || !isHeld() || !status) return;
    const delayMs = status.next.getTime() - Date.now();
    clearTimeout(wakeUp);
    // Asked again when it wakes: Node's timers may be a millisecond early, and cannot hold more than 24 days.
    if (delayMs > 0) wakeUp = setTimeout(scheduleNext, Math.min(delayMs, MAX_TIMER_MS));
    else queueRun("schedule");
  };

  const queueRun = (cause: "schedule" | "past due" | "startup" | "admin"): void => {
    current = current.then(async () => {
      if (cause !== "admin" && !isHeld()) isMissed = true;
      if (isStopped() || (cause !== "admin" && !isHeld())) return;
      const startedAt = new Date();
      const data = { json: timerInput(schedule.monitored ? status : undefined, cause === "past due") };
      await runWithRetry(options.runner, definition, { reason: `Timer fired (${cause})`, data }, stopping.signal);
      if (cause === "admin" || !status) return;
      status = afterRun(status, schedule, startedAt, cause === "schedule");
      await keepStatus(status);
      scheduleNext();
    });
  };

  /** A host that has lost the lease meanwhile must not overwrite what the next one keeps. */
  const keepStatus = async (next: ScheduleStatus): Promise<void> => {
    if (!schedule.monitored || !isHeld()) return;
    await leases.writeStatus(name, next).catch((error: unknown) => {
      log("warning", `schedule status could not be kept: ${describeError(error)}`);
    });
  };

  keepLease();
  return {
    runNow: () => queueRun("admin"),
    stop: async () => {
      stopping.abort();
      clearTimeout(wakeUp);
      clearTimeout(renewal);
      await Promise.all([renewing, current]);
      // Also when it is not held as far as this host knows: an answer may have been lost on its way.
      await leases.release(name, owner).catch(() => undefined);
    },
  };
}
