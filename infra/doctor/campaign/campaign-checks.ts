import type { Check } from "../check.js";
import { apiAccessCheck, apisCheck, clockCheck, rateCheck, signInCheck } from "./access.js";
import { uniqueKeyCheck } from "./canary.js";
import { eventColumnsCheck, eventsCheck } from "./events.js";
import { optOutFilterCheck } from "./opt-outs.js";
import type { CampaignPorts } from "./ports.js";
import { keyAddressCheck, optOutAttributesCheck, resourcesCheck } from "./resources.js";
import { sftpCheck } from "./sftp.js";
import { timesCheck } from "./times.js";

/** Everything that is asked of Campaign, in order. `ports` is called when a check runs; only with `canary` one of them writes. */
export function campaignChecks(ports: () => CampaignPorts, canary: boolean): Check[] {
  return [
    ...[signInCheck, apiAccessCheck, apisCheck, clockCheck, timesCheck, rateCheck].map((make) => make(ports)),
    ...[resourcesCheck, optOutAttributesCheck, keyAddressCheck].map((make) => make(ports)),
    uniqueKeyCheck(ports, canary),
    ...[optOutFilterCheck, eventColumnsCheck, eventsCheck, sftpCheck].map((make) => make(ports)),
  ];
}
