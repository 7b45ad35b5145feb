import { app, type InvocationContext } from "@azure/functions";
import { handleMessage } from "../shared/flows/handle-message.js";
import { lagStep } from "../shared/flows/lag.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";

/**
 * The lanes of queue `changes`: one message at a time in each (design.md §2.3). Returning completes the message; throwing gives it back, and
 * after ten deliveries to the dead-letter queue.
 */
export function registerIngressWrite({ ports, clock, monitor, lanesQueue, dryRun }: Services): void {
  app.serviceBusQueue("ingress-write", {
    connection: "SERVICEBUS",
    queueName: lanesQueue,
    isSessionsEnabled: true,
    handler: async (message: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      const started = clock.now();
      try {
        await handleMessage(ports, message, async (handled) => {
          const { envelope, result } = handled;
          await dryRun?.look(handled);
          const { table, id, cause, attempt, occurredAt, correlationId: correlation } = envelope;
          const { outcome } = result;
          const lagMs = clock.now() - Date.parse(occurredAt);
          const ms = clock.now() - started;
          const facts = { table, id, cause, correlation, attempt, outcome, ms, lagMs, ...(dryRun && { dryRun: true }) };
          monitor.tallies.lag.count(lagStep(cause, lagMs));
          if ("error" in result) log.warn("change", { ...facts, ...errorFacts(result.error) });
          else log.info("change", { ...facts, ...("warnings" in result && { warnings: result.warnings.join("; ") }) });
        });
      } catch (error) {
        log.error("change given back", { correlation: correlationOf(context), ...errorFacts(error) });
        throw error;
      }
    },
  });
}

/** What is known of a message without reading it. */
function correlationOf({ triggerMetadata }: InvocationContext): string | undefined {
  const { correlationId } = triggerMetadata ?? {};
  return correlationId === undefined ? undefined : String(correlationId);
}
