// Registering the webhook in the Dynamics of the histories, by the same provisioning that serves a real environment.

import { applyRegistration, planRegistration } from "../../infra/dataverse/provision.js";
import { makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { DEFAULT_OPTIONS, LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { mappingsOf, tableNames } from "../../infra/local/scenarios/acme/mappings.js";
import type { SimCore, SimResponse } from "../../infra/local/sim/types.js";
import { type DataverseClient, makeDataverseClient } from "../../shared/dataverse/client.js";
import { fetchToken } from "../../shared/http/oauth.js";
import { makeTokenCache } from "../../shared/http/token-cache.js";
import type { Clock } from "../../shared/model/clock.js";
import { campaignHost } from "../support/core-campaign.js";
import { coreHttp, coreWorld, toSimRequest, type WireRequest } from "../support/core-http.js";
import { fixedClock } from "../support/fixed-clock.js";
import { journalOf } from "./dynamics-model.js";

/** Host names of the peers. */
export const hosts = { dynamics: "dynamics.test", campaign: campaignHost } as const;
/** Where Dynamics posts its notices. */
export const webhookUrl = "https://app.test/api/ingress-webhook";

/** Journal entries of the organisation `before` after an administrator has done `work` there. */
export async function organisationAfter(
  before: readonly unknown[],
  nowMs: number,
  work: (client: DataverseClient, clock: Clock) => Promise<void>,
): Promise<readonly unknown[]> {
  const clock = fixedClock(new Date(nowMs).toISOString());
  const committed: unknown[] = [];
  const journal = { ...journalOf(before), append: (entry: unknown) => void committed.push(entry) };
  const core = makeDataverseCore(coreWorld(clock), { switches: { webhookDelayMs: [0, 0] } }, journal);
  const http = coreHttp({ [hosts.dynamics]: core }, clock);
  const client = makeDataverseClient({
    http,
    clock,
    environment: new URL(`https://${hosts.dynamics}`),
    tokens: makeTokenCache(() => fetchToken(http, clock, dynamicsLogin("integration")), clock),
    timeoutMs: 60_000,
    budgetMs: 120_000,
  });
  await work(client, clock);
  return structuredClone([...before, ...committed]);
}

/** The organisation `before` with the webhook registered for the first edition of all mappings. */
export async function registrationOf(before: readonly unknown[], nowMs: number): Promise<readonly unknown[]> {
  const webhook = { url: webhookUrl, key: "local-function-key", name: "acs-sync" };
  return organisationAfter(before, nowMs, async (client) => {
    const plan = await planRegistration({ client, webhook, mappings: mappingsOf("first", tableNames) });
    await applyRegistration(plan, () => {});
  });
}

/** How an application signs in. */
export function dynamicsLogin(app: "integration" | "editor"): Parameters<typeof fetchToken>[2] {
  const { clientId, clientSecret } = LOCAL_APPS[app];
  return {
    system: "entra",
    url: new URL(`https://${hosts.dynamics}/${DEFAULT_OPTIONS.tenantId}/oauth2/v2.0/token`),
    clientId,
    clientSecret,
    scope: `https://${hosts.dynamics}/.default`,
    settings: "",
  };
}

/** One request to a core, past every fault. */
export function ask(core: Pick<SimCore, "handle">, request: WireRequest): Promise<SimResponse> | SimResponse {
  return core.handle(toSimRequest(request));
}
