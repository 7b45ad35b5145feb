import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import { holderOfTheKey } from "../shared/control/authorize.js";
import { makeController } from "../shared/control/router.js";
import { errorFacts } from "../shared/log/log.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";

const root = "/api/control";
const always = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

/** `/api/control/…`, for operators and consoles (docs/control-api.json). The host checks the function key before we are asked. */
export function registerControl({ controlPorts, clock }: Services): void {
  const controller = makeController(controlPorts, holderOfTheKey);
  app.http("control", {
    methods: ["GET", "POST", "DELETE"],
    authLevel: "function",
    route: "control/{*path}",
    handler: async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
      const log = logOf(context);
      const started = clock.now();
      const url = new URL(request.url);
      const { answer, route, operator, error } = await controller.handle({
        method: request.method,
        path: url.pathname.slice(url.pathname.indexOf(root) + root.length),
        query: Object.fromEntries(url.searchParams),
        header: (name) => request.headers.get(name) ?? undefined,
        text: () => request.text(),
      });
      const { status, headers, body, type } = answer;
      const facts = {
        route,
        operator,
        status,
        ms: clock.now() - started,
        ...(error !== undefined && errorFacts(error)),
      };
      if (status >= 500) log.error("control", facts);
      else log.info("control", facts);
      return type
        ? { status, headers: { ...always, ...headers, "content-type": type }, body: String(body) }
        : { status, headers: { ...always, ...headers }, jsonBody: body };
    },
  });
}
