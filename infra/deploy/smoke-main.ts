// npm run deploy:smoke: a canary through a deployed app, from the command line. Settings come from the environment or from local.settings.json, those of Dynamics and
// Campaign.

import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { makeCampaignOptOuts } from "../../shared/campaign/opt-outs.js";
import { makeCampaignRecords } from "../../shared/campaign/records.js";
import { makeCampaignSource } from "../../shared/campaign/source.js";
import { campaignTokensOf } from "../../shared/compose/auth.js";
import { makeDynamicsSource } from "../../shared/dataverse/source.js";
import { safeMessage } from "../../shared/errors.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { parseRecordId } from "../../shared/model/ids.js";
import { makeInstanceClient, systemClock } from "../../shared/services.js";
import { clientFromSettings, settingsOfPeers } from "../dataverse/client-from-settings.js";
import { readMappings } from "../dataverse/read-mappings.js";
import { requireRepositoryRoot } from "../repository-root.js";
import { smoke } from "./smoke.js";

const usage = `usage: deploy:smoke -- --env dev|stage|prod [--allow-production] [--mappings FILE ...] [--language LCID]
         [--wait-minutes 10] [--look-seconds 5]
--mappings: the documents in force, with that of contacts; without it the mapping that ships`;

async function main(): Promise<void> {
  requireRepositoryRoot();
  const { values } = parseArgs({
    options: {
      env: { type: "string" },
      "allow-production": { type: "boolean", default: false },
      mappings: { type: "string", multiple: true, default: [] },
      language: { type: "string", default: "1033" },
      "wait-minutes": { type: "string", default: "10" },
      "look-seconds": { type: "string", default: "5" },
    },
  });
  const withinMs = Number(values["wait-minutes"]) * 60_000;
  const everyMs = Number(values["look-seconds"]) * 1_000;
  if (values.env === undefined || !(withinMs > 0) || !(everyMs > 0)) throw new Error(usage);
  if (values.env === "prod" && !values["allow-production"]) {
    throw new Error("a canary would be in production's Dynamics and Campaign for some minutes: --allow-production");
  }

  const settings = settingsOfPeers();
  const client = clientFromSettings(settings);
  const mapping = (await readMappings(client, values.mappings, Number(values.language))).get("contact");
  if (!mapping) throw new Error("none of the mappings is for the table contact");
  const http = makeHttpClient({ clock: systemClock, random: Math.random });
  const campaign = makeInstanceClient(settings, http, campaignTokensOf(settings, http, systemClock));
  let stopped = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      console.log("stopping: removing the canary …");
      stopped = true;
    });
  }
  console.log(`smoke test of ${values.env}: ${settings.dynamics.url.host}, Campaign ${settings.campaign.tenant}`);
  await smoke({
    client,
    dynamics: makeDynamicsSource(client),
    campaign: { ...makeCampaignSource(campaign), ...makeCampaignRecords(campaign) },
    optOuts: makeCampaignOptOuts(campaign, systemClock, settings.campaign.callMs),
    mapping,
    patience: { withinMs, everyMs },
    callMs: settings.campaign.callMs,
    newId: () => parseRecordId(randomUUID()),
    say: (line) => console.log(line),
    isOver: () => stopped,
  });
  console.log("the smoke test passed");
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : safeMessage(error));
  process.exitCode = 1;
});
