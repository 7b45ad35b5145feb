// All checks of one environment, put together from its settings: what is asked of each system is in dynamics/, campaign/ and deployment/.

import { campaignTokensOf } from "../../shared/compose/auth.js";
import { SettingsError } from "../../shared/errors.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { makeDynamicsClient, makeInstanceClient, systemClock } from "../../shared/services.js";
import { campaignChecks } from "./campaign/campaign-checks.js";
import { type Area, type Check, type Finding, fail, ok } from "./check.js";
import { makeDeployedApp } from "./deployment/app.js";
import { deploymentChecks } from "./deployment/deployment-checks.js";
import { makeDeploymentPorts } from "./deployment/ports.js";
import { type Documents, readDocuments } from "./documents.js";
import { dynamicsChecks } from "./dynamics/dynamics-checks.js";
import { makeDynamicsPorts } from "./dynamics/ports.js";
import { documentedDays, tokenLifeDays } from "./dynamics/token-life.js";
import { once } from "./once.js";
import { type Environment, settingsFor } from "./settings.js";

/** What to look at, and how. */
export interface DoctorOptions {
  environment: Environment;
  only: ReadonlySet<Area>;
  /** Address of the deployed app's functions, `https://app.azurewebsites.net/api`; without it nothing is asked of a deployment. */
  url: string | undefined;
  mappings: readonly string[];
  language: number;
  /** Name of the registration in Dynamics. */
  name: string;
  /** Client id of the app's application user in Dynamics, where the doctor signs in as somebody else. */
  clientId: string | undefined;
  /** May the canary write? */
  canary: boolean;
  ownVersion: string;
}

/** No call of the doctor lasts longer than somebody waits. */
const longestCallMs = 20_000;
const clock = systemClock;

/** The checks, in the order to ask them; nothing is asked yet. */
export function checksOf(options: DoctorOptions): Check[] {
  const { environment, only, name, url, language, mappings, ownVersion } = options;
  const key = environment.CONTROL_KEY ?? "";
  const app = url === undefined ? undefined : makeDeployedApp(url, key);
  const documents = once(
    (): Promise<Documents> => readDocuments({ files: mappings, language, app: key ? app : undefined }),
  );
  const http = makeHttpClient({ clock, random: Math.random });

  const dynamics = once(() => {
    const settings = settingsFor("dynamics", environment);
    const client = makeDynamicsClient(settings, http, clock);
    const webhookUrl = url === undefined ? undefined : `${url}/ingress-webhook`;
    return makeDynamicsPorts({
      client,
      settings,
      now: () => clock.now(),
      documents,
      name,
      webhookUrl,
      clientId: options.clientId,
    });
  });
  const campaign = once(() => {
    const read = settingsFor("campaign", environment);
    const callMs = Math.min(read.campaign.callMs, longestCallMs);
    const settings = { ...read, campaign: { ...read.campaign, callMs } };
    const tokens = campaignTokensOf(settings, http, clock);
    return { client: makeInstanceClient(settings, http, tokens), tokens, settings, clock, documents };
  });
  const deployment = once(() => {
    if (!app) throw new Error("no --url was given");
    // Without a sign-in to Dynamics the documented life is all that is known.
    const life = async (): Promise<number> => tokenLifeDays(dynamics());
    const now = (): number => clock.now();
    return makeDeploymentPorts({ app, now, ownVersion, tokenLifeDays: () => life().catch(() => documentedDays) });
  });

  return [
    settingsCheck(
      "dynamics",
      () => `${dynamics().settings.dynamics.url.host}, ${dynamics().settings.dynamics.auth.by}`,
    ),
    ...dynamicsChecks(dynamics),
    settingsCheck("campaign", () => `${campaign().settings.campaign.url.host}, ${campaign().settings.campaign.tenant}`),
    ...campaignChecks(campaign, options.canary),
    deploymentSettings(url, key),
    ...deploymentChecks(deployment),
  ].filter(({ area }) => only.has(area) && (area !== "deployment" || url !== undefined));
}

/** Can the area's settings be read? Nothing else of it is asked otherwise. */
function settingsCheck(area: "dynamics" | "campaign", seen: () => string): Check {
  return {
    area,
    name: "settings",
    asks: "are the settings for signing in complete (environment, local.settings.json)?",
    async run(): Promise<readonly Finding[]> {
      try {
        return [ok(seen())];
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        return error.problems.map(({ setting, problem, fix }) => fail(`${setting} ${problem}`, fix));
      }
    },
  };
}

function deploymentSettings(url: string | undefined, key: string): Check {
  return {
    area: "deployment",
    name: "settings",
    asks: "are --url and CONTROL_KEY given?",
    async run(): Promise<readonly Finding[]> {
      if (key !== "") return [ok(url ?? "")];
      const fix =
        "Set it to a host key: az functionapp keys list --resource-group … --name … --query functionKeys.default";
      return [fail("CONTROL_KEY is not set in the environment", fix)];
    },
  };
}
