import { app, type HttpResponseInit } from "@azure/functions";
import about from "../package.json" with { type: "json" };
import type { SettingsProblem } from "../shared/errors.js";
import { checkHealth } from "../shared/flows/check-health.js";
import type { Services } from "../shared/services.js";
import { logOf } from "./log-of.js";

/** `GET /api/health`: 200 when every peer answers, else 503; the body says what is wrong. */
export function registerHealth({ clock, probeBinding, campaignToken, ports, dryRun }: Services): void {
  app.http("health", {
    methods: ["GET"],
    authLevel: "function",
    handler: async (): Promise<HttpResponseInit> => {
      const health = await checkHealth({
        now: () => clock.now(),
        probeBinding,
        campaignToken,
        queue: ports.queue,
        isDryRun: dryRun !== undefined,
        checkpoints: ports.checkpoints,
      });
      return { status: health.status === "ok" ? 200 : 503, jsonBody: { ...health, version: about.version } };
    },
  });
}

/** `GET /api/health` of an app that may not run: every settings problem by name, with the way to put it right. */
export function registerUnhealthy(problems: readonly SettingsProblem[]): void {
  app.hook.appStart(() => {
    // No invocation is running whose context could log it.
    // biome-ignore lint/suspicious/noConsole: the host shows the worker's standard error while the app starts
    for (const { setting, problem, fix } of problems) console.error(`settings: ${setting} ${problem}. ${fix}`);
  });
  app.http("health", {
    methods: ["GET"],
    authLevel: "function",
    handler: (_request, context): HttpResponseInit => {
      logOf(context).error("health", { status: "settings", problems: problems.length });
      return { status: 503, jsonBody: { status: "settings", problems, version: about.version } };
    },
  });
}
