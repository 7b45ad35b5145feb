import { readFileSync } from "node:fs";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings, type Settings } from "../../shared/settings/load.js";

/** All settings, from the environment or local.settings.json. SettingsError names what is missing. */
export function settingsOfCommand(): Settings {
  return loadSettings({ ...settingsFile(), ...process.env });
}

/** The client of the environment that the settings name. SettingsError names what is missing. */
export function clientFromSettings(settings = settingsOfCommand()): DataverseClient {
  return makeDynamicsClient(settings, makeHttpClient({ clock: systemClock, random: Math.random }), systemClock);
}

function settingsFile(): Record<string, string> {
  try {
    return JSON.parse(readFileSync("local.settings.json", "utf8")).Values ?? {};
  } catch {
    return {};
  }
}
