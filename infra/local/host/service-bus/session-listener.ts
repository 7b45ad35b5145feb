// Messages of a queue with sessions: several sessions at once, inside each one call after the other (or as many as host.json says).
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { isServiceBusError, type ServiceBusSessionReceiver } from "@azure/service-bus";
import { backOffMs } from "./bus-health.js";
import type { BusListener, BusListenerOptions } from "./queue-listener.js";

/** Receives what one session brings until it is idle, lost, or `stopping` aborts; leaves the receiver open. */
type ServeSession = (receiver: ServiceBusSessionReceiver, stopping: AbortSignal) => Promise<void>;

const PAUSE_MS = 100;

/**
 * Keeps `slots` places; each accepts the next free session, serves it and gives it back. Nothing free is no error; a bus that
 * cannot be reached is asked again with back-off.
 */
export function startSessionSlots(
  listener: BusListenerOptions,
  slots: number,
  renewLocks: boolean,
  serve: ServeSession,
): BusListener {
  const { client, queueName, options, health } = listener;
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const serving = new Set<Promise<void>>();

  const accept = async (): Promise<ServiceBusSessionReceiver | "none"> => {
    try {
      return await client.acceptNextSession(queueName, {
        skipParsingBodyAsJson: true,
        maxAutoLockRenewalDurationInMs: renewLocks ? options.maxAutoLockRenewalDuration : 0,
      });
    } catch (error) {
      if (isNoSession(error)) return "none";
      throw error;
    }
  };

  const serveAndClose = async (receiver: ServiceBusSessionReceiver): Promise<void> => {
    try {
      if (!stopping.signal.aborted) await serve(receiver, stopping.signal);
    } finally {
      await receiver.close().catch(() => undefined);
    }
  };

  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined);

  const keepSlot = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        const askedAt = Date.now();
        const receiver = await accept();
        failures = 0;
        health.recovered();
        if (receiver === "none") {
          // A bus is meant to hold the question open; one that does not must not be asked in a tight loop.
          if (Date.now() - askedAt < PAUSE_MS) await pause(PAUSE_MS);
          continue;
        }
        const work = serveAndClose(receiver);
        serving.add(work);
        await work.finally(() => serving.delete(work));
      } catch (error) {
        if (stopping.signal.aborted) return;
        health.failed(error);
        failures += 1;
        await pause(backOffMs(failures));
      }
    }
  };

  for (let slot = 0; slot < slots; slot += 1) void keepSlot();
  return {
    // A slot that waits for a session is not waited for: closing the client ends it.
    stop: async () => {
      stopping.abort();
      await Promise.allSettled(serving);
    },
  };
}

const NONE = new Set(["ServiceTimeout", "SessionCannotBeLocked", "OperationTimeoutError"]);

function isNoSession(error: unknown): boolean {
  if (isServiceBusError(error)) return NONE.has(error.code) || NONE.has(error.name);
  return error instanceof Error && NONE.has(error.name);
}

/** One call of the function for each message; a session without a message for `sessionIdleTimeout` goes back. */
export function startSessionListener(listener: BusListenerOptions): BusListener {
  const { options, dispatch, health } = listener;
  const idleMs = options.sessionIdleTimeout ?? options.clientRetryOptions.tryTimeout;

  const serve: ServeSession = async (receiver, stopping) => {
    const underWay = new Set<Promise<void>>();
    let idle: NodeJS.Timeout | undefined;
    const over = new AbortController();
    const lost = new AbortController();
    const end = (): void => over.abort();
    const armIdle = (): void => {
      clearTimeout(idle);
      if (underWay.size === 0) idle = setTimeout(end, idleMs);
    };
    stopping.addEventListener("abort", end, { once: true });

    armIdle();
    receiver.subscribe(
      {
        processMessage: async (message) => {
          // Not touched and not settled: closing the session gives it back as if it had never been delivered.
          if (over.signal.aborted) return never();
          const work = dispatch.one(receiver, message, lost.signal);
          underWay.add(work);
          clearTimeout(idle);
          await work;
          underWay.delete(work);
          armIdle();
        },
        processError: async ({ error }) => {
          health.failed(error);
          lost.abort();
          end();
        },
      },
      { autoCompleteMessages: false, maxConcurrentCalls: options.maxConcurrentCallsPerSession },
    );
    await aborted(over.signal);

    stopping.removeEventListener("abort", end);
    while (underWay.size > 0) await Promise.all(underWay);
    clearTimeout(idle);
  };

  return startSessionSlots(listener, options.maxConcurrentSessions, true, serve);
}

/** Keeps the client from asking for one more message in place of the one it has. */
function never(): Promise<void> {
  return new Promise(() => undefined);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
