import type { SimCore } from "../../infra/local/sim/types.js";
import { type CampaignClient, makeCampaignClient } from "../../shared/campaign/client.js";
import type { HttpClient } from "../../shared/http/client.js";
import { fetchToken } from "../../shared/http/oauth.js";
import { makeTokenCache } from "../../shared/http/token-cache.js";
import type { Clock } from "../../shared/model/clock.js";
import { coreHttp } from "./core-http.js";
import type { FixedClock } from "./fixed-clock.js";

/** Name of the host behind which tests put Campaign's simulator. */
export const campaignHost = "campaign.test";

/** How a client of a test differs: who signs in, and how long one call may take. */
export interface CoreCampaignOptions {
  clientId?: string;
  clientSecret?: string;
  timeoutMs?: number;
}

/** A client that signs in at the simulator behind `campaignHost`, whatever `http` does on the way. */
export function campaignClientOf(
  http: HttpClient,
  clock: Clock,
  { clientId = "local-client", clientSecret = "local-secret", timeoutMs = 4_000 }: CoreCampaignOptions = {},
): CampaignClient {
  const baseUrl = new URL(`https://${campaignHost}`);
  const login = {
    system: "ims" as const,
    url: new URL("/ims/token/v3", baseUrl),
    clientId,
    clientSecret,
    scope: "openid,AdobeID,campaign_sdk",
    settings: "CAMPAIGN_CLIENT_SECRET",
  };
  const tokens = makeTokenCache(() => fetchToken(http, clock, login), clock);
  return makeCampaignClient({ http, baseUrl, organization: "acme", apiKey: clientId, tokens, timeoutMs });
}

/** A client over a simulator's core in process. */
export function coreCampaign(core: SimCore, clock: FixedClock, options?: CoreCampaignOptions): CampaignClient {
  return campaignClientOf(coreHttp({ [campaignHost]: core }, clock), clock, options);
}
