import { z } from "zod";
import { toInstant } from "../../../shared/campaign/event-row.js";
import { listSchema } from "../../../shared/campaign/find-record.js";
import { parseJson } from "../../../shared/http/json.js";
import { type Check, type Finding, fail, ok, skipped } from "../check.js";
import { type CampaignPorts, get } from "./ports.js";

const toleratedMs = 5 * 60_000;

/** Times of Campaign are taken as UTC; of an instance that shows local times, every opt-out would be newer or older than it is. */
export function timesCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "times",
    asks: "are the times that Campaign shows UTC, as it says?",
    after: "api-access",
    async run(): Promise<readonly Finding[]> {
      const path = `profileAndServices/profile?_order=${encodeURIComponent("lastModified desc")}&_lineCount=1`;
      const response = await get(ports(), "list profile", path);
      const [newest] = listSchema.parse(parseJson(response.text)).content;
      const shown = z.string().safeParse(newest?.lastModified).data ?? "";
      const at = toInstant(shown, false);
      if (at === undefined) return [skipped("no profile shows when it changed last")];
      const aheadMs = Date.parse(at) - ports().clock.now();
      if (aheadMs < toleratedMs) return [ok(`the profile that changed last did so at ${at}`)];
      const fix =
        "Is this machine's clock right (see clock)? If so, ask Adobe why the instance marks local times as UTC: opt-outs would be compared wrongly.";
      return [
        fail(
          `the profile that changed last did so at ${at}, which is ${Math.round(aheadMs / 60_000)} minutes from now`,
          fix,
        ),
      ];
    },
  };
}
