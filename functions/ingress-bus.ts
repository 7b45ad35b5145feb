import { app, type InvocationContext } from "@azure/functions";
import { errorKind } from "../shared/errors.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";
import { takeNotice } from "./take-notice.js";

/**
 * Queue `dataverse-notices`: the same notices as the webhook's, posted by a Service Bus endpoint of Dynamics (facts/dataverse.md §2). What can
 * never be taken in is logged and completed, for the sweep brings the change anyway; everything else comes again.
 */
export function registerIngressBus(services: Services): void {
  app.serviceBusQueue("ingress-bus", {
    connection: "NOTICES",
    queueName: "dataverse-notices",
    handler: async (body: unknown, context: InvocationContext): Promise<void> => {
      const log = logOf(context);
      try {
        await takeNotice(services, log, body);
      } catch (error) {
        log.warn("notice refused", errorFacts(error));
        if (!hopeless.has(errorKind(error))) throw error;
      }
    },
  });
}

const hopeless = new Set<ReturnType<typeof errorKind>>(["malformed", "unauthenticated"]);
