import { readFileSync } from "node:fs";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings, type Settings } from "../../shared/settings/load.js";

/** All settings, from the environment or local.settings.json. SettingsError names what is missing. */
export function settingsOfCommand(): Settings {
  return loadSettings(environmentOfCommand());
}

/**
 * Settings of Dynamics, Campaign and what goes from one to the other, from the same places. What only the app needs, its bus, tables and fingerprints, may be missing there. SettingsError names
 * what is missing.
 */
export function settingsOfPeers(): Pick<Settings, "dynamics" | "campaign" | "egress"> {
  return loadSettings(withAppStandIns(environmentOfCommand()));
}

/** What a command's settings are read from: local.settings.json, and the environment before it. */
export function environmentOfCommand(): Record<string, string | undefined> {
  return { ...settingsFile(), ...process.env };
}

/** All settings are read at once; these stand for what only the app needs and no command looks at. */
export function withAppStandIns(
  given: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return {
    ...given,
    ...(!given.SERVICEBUS && {
      SERVICEBUS__fullyQualifiedNamespace: given.SERVICEBUS__fullyQualifiedNamespace || "unused.servicebus.windows.net",
    }),
    ...(!given.TABLES && {
      TABLES__tableServiceUri: given.TABLES__tableServiceUri || "https://unused.table.core.windows.net",
    }),
    FINGERPRINT_KEY: given.FINGERPRINT_KEY || "unused-here-and-never-stored",
  };
}

/** The client of the environment that the settings name. SettingsError names what is missing. */
export function clientFromSettings(settings: Pick<Settings, "dynamics"> = settingsOfCommand()): DataverseClient {
  return makeDynamicsClient(settings, makeHttpClient({ clock: systemClock, random: Math.random }), systemClock);
}

function settingsFile(): Record<string, string> {
  try {
    return JSON.parse(readFileSync("local.settings.json", "utf8")).Values ?? {};
  } catch {
    return {};
  }
}
