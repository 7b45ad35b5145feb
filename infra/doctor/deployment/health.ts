// What the app says of itself: GET /health.

import { z } from "zod";
import { type Check, type Finding, fail, ok, orOk, skipped } from "../check.js";
import { judgeSkew } from "../clock-skew.js";
import type { DeploymentPorts } from "./ports.js";

const problemsSchema = z.object({
  status: z.literal("settings"),
  problems: z.array(z.object({ setting: z.string(), problem: z.string(), fix: z.string() })),
});
const versionSchema = z.looseObject({ version: z.string().optional() });
const healthSchema = z.looseObject({
  status: z.string(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), problem: z.string().optional() })),
});

/** Is an app there, and does it let us in? */
export function appCheck(ports: () => DeploymentPorts): Check {
  return {
    area: "deployment",
    name: "app",
    asks: "does the app answer at --url, and to the key in CONTROL_KEY?",
    after: "settings",
    async run(): Promise<readonly Finding[]> {
      const { app } = ports();
      const { status } = await ports().health();
      switch (status) {
        case 200:
        case 503:
          return [ok(`${app.url} answers`)];
        case 401:
        case 403: {
          const fix =
            "Set CONTROL_KEY to a host key of the app: az functionapp keys list --resource-group … --name … --query functionKeys.default";
          return [fail(`${app.url}/health refuses the key (${status})`, fix)];
        }
        case 404: {
          const fix =
            "Is --url the app's address with /api behind it, and is the app uploaded (docs/deploy.md)? A host that just started shows its functions after some seconds.";
          return [fail(`there is no ${app.url}/health (404)`, fix)];
        }
        default:
          return [fail(`${app.url}/health answers ${status}`, "Look at the app's log stream: does the host start?")];
      }
    },
  };
}

/** Settings that keep the app from starting: it then serves /health and nothing else. */
export function appSettingsCheck(ports: () => DeploymentPorts): Check {
  return {
    area: "deployment",
    name: "app-settings",
    asks: "are the app's own settings complete and right, Key Vault references included?",
    after: "app",
    async run() {
      const { body } = await ports().health();
      const parsed = problemsSchema.safeParse(body);
      const problems = parsed.success ? parsed.data.problems : [];
      return orOk(
        problems.map(({ setting, problem, fix }) =>
          fail(`${setting} ${problem}`, `${fix} App settings: docs/deploy.md.`),
        ),
        "the app has started with its settings",
      );
    },
  };
}

/** The peers, as the app reaches them with its own identity and from its own network. */
export function peersCheck(ports: () => DeploymentPorts): Check {
  return {
    area: "deployment",
    name: "peers",
    asks: "does the app itself reach Dynamics, Campaign, Service Bus and its tables?",
    after: "app",
    async run() {
      const parsed = healthSchema.safeParse((await ports().health()).body);
      if (!parsed.success) return [skipped("the app does not say: see app-settings")];
      const { checks } = parsed.data;
      const findings = checks
        .filter((check) => !check.ok)
        .map(({ name, problem = "does not answer" }) => fail(`${name}: ${problem}`, fixOf(name)));
      return orOk(findings, checks.map(({ name }) => name).join(", "));
    },
  };
}

function fixOf(name: string): string {
  if (name === "campaign")
    return "Is campaign-client-secret in the vault and its reference resolved (portal: the app, Environment variables; docs/deploy.md, Secrets)?";
  if (name === "service bus")
    return "Has the app's identity its roles on Service Bus (infra/modules/roles.bicep), and does the network let it through?";
  return "Has the app's identity an application user in Dynamics and its roles on the storage account (docs/deploy.md)? A wrong environment is said in the message.";
}

/** What runs there. */
export function versionCheck(ports: () => DeploymentPorts): Check {
  return {
    area: "deployment",
    name: "version",
    asks: "which version is deployed, and is it this one?",
    after: "app",
    async run(): Promise<readonly Finding[]> {
      const version = versionSchema.safeParse((await ports().health()).body).data?.version;
      if (version === undefined) return [skipped("the app does not say its version")];
      const { ownVersion } = ports();
      if (version === ownVersion) return [ok(version)];
      const fix = "Deploy this version (docs/deploy.md), or run the doctor of that one.";
      return [{ verdict: "warn", seen: `the app is version ${version}, this doctor ${ownVersion}`, fix }];
    },
  };
}

/** See `judgeSkew`. */
export function clockCheck(ports: () => DeploymentPorts): Check {
  return {
    area: "deployment",
    name: "clock",
    asks: "do this machine and the app agree what time it is?",
    after: "app",
    async run() {
      const { headers } = await ports().app.ask("GET", "/health", { withKey: true });
      return [judgeSkew("the app", headers.date, ports().now())];
    },
  };
}
