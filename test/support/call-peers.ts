// A process of its own, since NODE_EXTRA_CA_CERTS is read once at the start: calls every peer through the product's own clients, with settings as on
// Azure out of its environment, and writes what came of it as one line of JSON.

import { AzureSASCredential } from "@azure/core-auth";
import { TableClient } from "@azure/data-tables";
import { makeCampaignClient } from "../../shared/campaign/client.js";
import { campaignTokensOf } from "../../shared/compose/auth.js";
import { errorKind, safeMessage } from "../../shared/errors.js";
import { makeHttpClient } from "../../shared/http/client.js";
import type { Clock } from "../../shared/model/clock.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";

const settings = loadSettings(process.env);
let passed = 0;
/** Waits between attempts cost no time here. */
const clock: Clock = {
  now: () => Date.now() + passed,
  sleep: async (ms) => {
    passed += ms;
  },
};
const http = makeHttpClient({ clock, random: Math.random });

/** `ok`, or what was wrong. */
async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "ok";
  } catch (error) {
    return `${errorKind(error)}: ${safeMessage(error)}`;
  }
}

const { url, tenant, clientId } = settings.campaign;
const campaign = makeCampaignClient({
  ...{ http, baseUrl: url, organization: tenant, apiKey: clientId, timeoutMs: 2_000 },
  tokens: campaignTokensOf(settings, http, clock),
});
const dynamics = makeDynamicsClient(settings, http, clock);
const address = settings.tables.by === "identity" ? settings.tables.address : "";
const tables = new TableClient(address, "checkpoints", new AzureSASCredential("sv=none"), {
  retryOptions: { maxRetries: 0 },
});

const outcomes = {
  campaign: await outcome(() =>
    campaign.call({ operation: "list", method: "GET", path: "profile", deadline: clock.now() + 3_000 }),
  ),
  dynamics: await outcome(() => dynamics.json({ operation: "who am i", path: "WhoAmI" })),
  tables: await outcome(() => tables.getEntity("a", "b")),
};
process.stdout.write(JSON.stringify(outcomes));
