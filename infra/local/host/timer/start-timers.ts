import type { FunctionDefinition } from "../config/function-definition.js";
import { HostRefusal } from "../config/host-refusal.js";
import type { LeaseStore } from "../leases/lease-store.js";
import type { Log } from "../log.js";
import type { Runner } from "../runner.js";
import { parseSchedule, type TimerSchedule } from "./schedule.js";
import { startTimerListener, type TimerListener } from "./timer-listener.js";

/** Schedules of all timers by function name. Throws HostRefusal naming each that cannot be read. */
export function readSchedules(functions: readonly FunctionDefinition[], now: Date): Map<string, TimerSchedule> {
  const problems: string[] = [];
  const schedules = new Map<string, TimerSchedule>();
  for (const { name, trigger } of functions) {
    if (trigger.kind !== "timer") continue;
    try {
      schedules.set(name, parseSchedule(trigger.schedule, trigger.useMonitor, now));
    } catch (error) {
      problems.push(`function ${name}: schedule ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (problems.length > 0) throw new HostRefusal(problems);
  return schedules;
}

export interface TimersOptions {
  functions: readonly FunctionDefinition[];
  schedules: ReadonlyMap<string, TimerSchedule>;
  leases: LeaseStore;
  owner: string;
  lockPeriodMs: number;
  runner: Runner;
  log: Log;
}

/** Starts every timer that is not disabled and puts it into `listeners` under its function's name. */
export function startTimers(options: TimersOptions, listeners: Map<string, TimerListener>): void {
  for (const definition of options.functions) {
    const { trigger } = definition;
    const schedule = options.schedules.get(definition.name);
    if (trigger.kind !== "timer" || !schedule || definition.disabled) continue;
    listeners.set(definition.name, startTimerListener({ ...options, definition, trigger, schedule }));
  }
}
