import { app, type InvocationContext } from "@azure/functions";
import { collectDeadLetter } from "../shared/flows/collect-dead-letter.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";

/** Dead letters of queue `changes` become rows of `failures`: one place to look for whatever did not arrive. */
export function registerIngressDeadLetters({ ports, clock, lanesQueue }: Services): void {
  app.serviceBusQueue("ingress-dead-letters", {
    connection: "SERVICEBUS",
    queueName: `${lanesQueue}/$DeadLetterQueue`,
    handler: async (body: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      const { messageId, deadLetterReason } = context.triggerMetadata ?? {};
      try {
        const envelopes = await collectDeadLetter(ports, {
          body,
          messageId: String(messageId),
          reason: String(deadLetterReason ?? "unknown"),
          enqueuedAt: new Date(clock.now()).toISOString(),
        });
        for (const { table, id, correlationId: correlation } of envelopes)
          log.error("dead letter", { table, id, correlation, reason: String(deadLetterReason) });
      } catch (error) {
        log.error("dead letter left where it is", errorFacts(error));
        throw error;
      }
    },
  });
}
