import { readFileSync } from "node:fs";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";

/** The client of the environment that the settings name, from the environment or local.settings.json. SettingsError names what is missing. */
export function clientFromSettings(): DataverseClient {
  const settings = loadSettings({ ...settingsFile(), ...process.env });
  return makeDynamicsClient(settings, makeHttpClient({ clock: systemClock, random: Math.random }), systemClock);
}

function settingsFile(): Record<string, string> {
  try {
    return JSON.parse(readFileSync("local.settings.json", "utf8")).Values ?? {};
  } catch {
    return {};
  }
}
