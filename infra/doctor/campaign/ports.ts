import type { CampaignClient } from "../../../shared/campaign/client.js";
import type { HttpResponse } from "../../../shared/http/client.js";
import type { TokenSource } from "../../../shared/http/token-cache.js";
import type { Clock } from "../../../shared/model/clock.js";
import type { Settings } from "../../../shared/settings/load.js";
import type { Documents } from "../documents.js";

/** What the checks of Campaign ask with. */
export interface CampaignPorts {
  client: CampaignClient;
  tokens: TokenSource;
  settings: Settings;
  clock: Clock;
  documents(): Promise<Documents>;
}

/** One GET, below the root of the instance's APIs. */
export function get(
  { client, clock, settings }: Pick<CampaignPorts, "client" | "clock" | "settings">,
  operation: string,
  path: string,
): Promise<HttpResponse> {
  return client.call({ operation, method: "GET", path, deadline: clock.now() + settings.campaign.callMs });
}
