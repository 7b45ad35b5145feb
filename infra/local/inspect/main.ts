// npm run inspect                          state of flows, tables, queue, gates; open failures
// npm run inspect -- TABLE ID              where one record is now: last news, lane, messages, state, parents, failure, Campaign
// npm run inspect -- [TABLE ID] --follow   the same again whenever it changes, until Ctrl-C
// Reads a system from outside, running or not, and changes nothing. Shows ids, versions, times and names of fields, no person's data.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { errorKind, safeMessage } from "../../../shared/errors.js";
import { makeServiceBusClient } from "../../../shared/messaging/service-bus-client.js";
import { makeServices } from "../../../shared/services.js";
import { loadSettings } from "../../../shared/settings/load.js";
import { type SettingDefinition, settingDefinitions } from "../../../shared/settings/schema.js";
import { describeOverview } from "./overview.js";
import { describeRecord } from "./record.js";

const everyMs = 500;

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { follow: { type: "boolean", default: false } },
  });
  const [table, id, ...rest] = positionals;
  if ((table !== undefined && id === undefined) || rest.length > 0) {
    throw new Error("usage: npm run inspect -- [TABLE ID] [--follow]");
  }
  const settings = loadSettings({ ...localSettings(), ...settingsFile(), ...process.env });
  const services = makeServices(settings);
  const { serviceBus } = settings;
  const bus =
    serviceBus.by === "connection-string" ? makeServiceBusClient({ connectionString: serviceBus.value }) : undefined;
  const look = (): Promise<string[]> =>
    table === undefined || id === undefined ? describeOverview(services) : describeRecord(services, bus, table, id);
  if (!values.follow) {
    console.log((await look()).join("\n"));
    return;
  }
  await follow(look);
}

/** Prints what is new: the whole at first, then every line that was not there the time before. */
async function follow(look: () => Promise<string[]>): Promise<never> {
  let before = new Set<string>();
  for (;;) {
    const lines = await look().catch((error: unknown) => [`${errorKind(error)}: ${safeMessage(error)}`]);
    const news = lines.filter((line) => !before.has(line));
    if (news.length > 0) console.log(`${new Date().toISOString()}\n${news.map((line) => `  ${line}`).join("\n")}`);
    before = new Set(lines);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** The local runtime's settings, as in local.settings.sample.json. */
function localSettings(): Record<string, string> {
  return Object.fromEntries(
    Object.entries<SettingDefinition>(settingDefinitions).map(([name, { sample }]) => [name, sample]),
  );
}

function settingsFile(): Record<string, string> {
  try {
    return JSON.parse(readFileSync("local.settings.json", "utf8")).Values ?? {};
  } catch {
    return {};
  }
}

main()
  // The clients keep connections open that nothing here closes.
  .then(() => process.exit(0))
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  });
