import { app, type InvocationContext } from "@azure/functions";
import { parseNotice } from "../shared/dataverse/notice.js";
import { errorKind } from "../shared/errors.js";
import { receiveNotice } from "../shared/flows/receive-notice.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";

/**
 * Queue `dataverse-notices`: the same notices as the webhook's, posted by a Service Bus endpoint of Dynamics (facts/dataverse.md §2). What can
 * never be taken in is logged and completed, for the sweep brings the change anyway; everything else comes again.
 */
export function registerIngressBus({ ports, clock }: Services): void {
  app.serviceBusQueue("ingress-bus", {
    connection: "NOTICES",
    queueName: "dataverse-notices",
    handler: async (body: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      try {
        const notice = parseNotice(body, new Date(clock.now()).toISOString());
        const received = await receiveNotice(ports, notice);
        const facts = {
          table: notice.table,
          id: notice.id,
          message: notice.message,
          correlation: notice.correlationId,
        };
        if (received.outcome === "queued") log.info("notice queued", { ...facts, version: received.envelope.version });
        else log.warn("notice ignored", { ...facts, reason: received.reason });
      } catch (error) {
        log.warn("notice refused", errorFacts(error));
        if (!hopeless.has(errorKind(error))) throw error;
      }
    },
  });
}

const hopeless = new Set<ReturnType<typeof errorKind>>(["malformed", "unauthenticated"]);
