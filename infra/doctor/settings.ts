import { loadSettings, type Settings } from "../../shared/settings/load.js";
import { withAppStandIns } from "../dataverse/client-from-settings.js";

/** Settings as they stand in an environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What stands for a system that is not asked: it only has to be readable. */
const standIns: Readonly<Record<"dynamics" | "campaign", Record<string, string>>> = {
  dynamics: { DYNAMICS_URL: "https://unused.crm.dynamics.com", DYNAMICS_AUTH: "managed-identity" },
  campaign: { CAMPAIGN_TENANT: "unused", CAMPAIGN_CLIENT_ID: "unused", CAMPAIGN_CLIENT_SECRET: "unused" },
};

/**
 * The settings for asking one system, though those of the other one, or of what only the app needs, may be missing. SettingsError names what is wrong
 * with the rest.
 */
export function settingsFor(system: "dynamics" | "campaign", environment: Environment): Settings {
  const other = standIns[system === "dynamics" ? "campaign" : "dynamics"];
  const missing = Object.entries(other).filter(([name]) => !environment[name]);
  return loadSettings(withAppStandIns({ ...environment, ...Object.fromEntries(missing) }));
}
