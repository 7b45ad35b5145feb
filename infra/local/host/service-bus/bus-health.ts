import type { Log } from "../log.js";

/** Tells the log about a bus that cannot be reached: once when it begins, once when it is over. */
export interface BusHealth {
  failed(error: unknown): void;
  recovered(): void;
}

/** While a bus is away its errors are written no more often than this: many receivers fail, each in its own words. */
const REPEAT_MS = 30_000;

/** Health of one function's connection, fed by all its receivers. */
export function makeBusHealth(functionName: string, log: Log, now: () => number = Date.now): BusHealth {
  let writtenAt: number | undefined;
  return {
    failed: (error) => {
      if (writtenAt !== undefined && now() - writtenAt < REPEAT_MS) return;
      writtenAt = now();
      const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      log({ level: "warning", function: functionName, message: `Service Bus: ${message}; going on by itself` });
    },
    recovered: () => {
      if (writtenAt === undefined) return;
      writtenAt = undefined;
      log({ level: "information", function: functionName, message: "Service Bus: receiving again" });
    },
  };
}

/** Milliseconds before attempt number `failures` (from 1) to reach the bus again: a quarter of a second up to five seconds. */
export function backOffMs(failures: number): number {
  return Math.min(250 * 2 ** (failures - 1), 5_000);
}
