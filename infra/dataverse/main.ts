// npm run dataverse:plan | dataverse:apply | dataverse:remove -- --url URL [--name NAME] [--create-image Target|Id]
// The settings come from the environment or from local.settings.json, the webhook's key from WEBHOOK_KEY.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { SettingsError, safeMessage } from "../../shared/errors.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";
import { applyRegistration, planRegistration, planRemoval } from "./provision.js";

const usage =
  "usage: dataverse:plan | dataverse:apply | dataverse:remove -- --url https://<app>/api/ingress-webhook [--name NAME] [--create-image Target|Id]";

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: "string" },
      name: { type: "string", default: "acs-sync" },
      "create-image": { type: "string", default: "Target" },
    },
  });
  const [command] = positionals;
  const property = values["create-image"];
  const knownCommand = command === "plan" || command === "apply" || command === "remove";
  if (!knownCommand || (property !== "Target" && property !== "Id") || (!values.url && command !== "remove")) {
    throw new Error(usage);
  }
  const key = process.env.WEBHOOK_KEY ?? "";
  if (command === "apply" && key === "")
    throw new Error("set WEBHOOK_KEY to the function key that Dataverse is to send");

  const settings = loadSettings({ ...settingsFile(), ...process.env });
  const client = makeDynamicsClient(settings, makeHttpClient({ clock: systemClock, random: Math.random }), systemClock);
  const webhook = { url: values.url ?? "", key, name: values.name };
  const actions =
    command === "remove"
      ? await planRemoval({ client, webhook })
      : await planRegistration({ client, webhook, mappings: shippedMappings(), createImageProperty: property });
  if (command === "plan") for (const { what } of actions) console.log(`would ${what}`);
  else await applyRegistration(actions, (what) => console.log(`done: ${what}`));
  if (actions.length === 0) console.log("nothing to do");
}

function settingsFile(): Record<string, string> {
  try {
    return JSON.parse(readFileSync("local.settings.json", "utf8")).Values ?? {};
  } catch {
    return {};
  }
}

main().catch((error: unknown) => {
  console.error(
    error instanceof SettingsError ? error.message : error instanceof Error ? error.message : safeMessage(error),
  );
  process.exitCode = 1;
});
