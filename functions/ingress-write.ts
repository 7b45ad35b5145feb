import { app, type InvocationContext } from "@azure/functions";
import { handleMessage } from "../shared/flows/handle-message.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";

/**
 * The lanes of queue `changes`: one message at a time in each (design.md §2.3). Returning completes the message; throwing gives it back, and
 * after ten deliveries to the dead-letter queue.
 */
export function registerIngressWrite({ ports, clock }: Services): void {
  app.serviceBusQueue("ingress-write", {
    connection: "SERVICEBUS",
    queueName: "changes",
    isSessionsEnabled: true,
    handler: async (message: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      const started = clock.now();
      try {
        await handleMessage(ports, message, ({ envelope, result }) => {
          const { table, id, cause, attempt, occurredAt } = envelope;
          const lagMs = clock.now() - Date.parse(occurredAt);
          const facts = { table, id, cause, attempt, outcome: result.outcome, ms: clock.now() - started, lagMs };
          if ("error" in result) log.warn("change", { ...facts, ...errorFacts(result.error) });
          else log.info("change", { ...facts, ...("warnings" in result && { warnings: result.warnings.join("; ") }) });
        });
      } catch (error) {
        log.error("change given back", errorFacts(error));
        throw error;
      }
    },
  });
}
