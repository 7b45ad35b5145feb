import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import { errorKind, MalformedError, safeMessage } from "../shared/errors.js";
import { parseJson } from "../shared/http/json.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";
import { takeNotice } from "./take-notice.js";

const options = { methods: ["POST" as const], authLevel: "function" as const, route: "ingress-webhook" };

/**
 * `POST /api/ingress-webhook`, called by Dataverse with the function key as `?code=`. 202 only after the bus has the change; Dataverse repeats
 * once after 503 and never after another status; it reads no body, a person testing the address does.
 */
export function registerIngressWebhook(services: Services): void {
  app.http("ingress-webhook", {
    ...options,
    handler: async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
      const log = logOf(context);
      try {
        const body = parseJson(await request.text());
        if (body === undefined) throw new MalformedError("the body is not JSON");
        const received = await takeNotice(services, log, body);
        return received.outcome === "queued"
          ? { status: 202, jsonBody: { outcome: "queued" } }
          : { status: 200, jsonBody: received };
      } catch (error) {
        const status = statuses[errorKind(error)];
        if (status === undefined) throw error;
        log.warn("notice refused", { status, ...errorFacts(error) });
        return { status, jsonBody: { error: safeMessage(error) } };
      }
    },
  });
}

/** The webhook of an app that may not run: Dataverse tries once more, the sweep catches up when the app runs again. */
export function registerClosedWebhook(): void {
  app.http("ingress-webhook", {
    ...options,
    handler: (): HttpResponseInit => ({ status: 503, jsonBody: { error: "the app's settings are wrong; see health" } }),
  });
}

const statuses: Partial<Record<ReturnType<typeof errorKind>, number>> = {
  malformed: 400,
  unauthenticated: 403,
  binding: 503,
  auth: 503,
  throttled: 503,
  unavailable: 503,
};
