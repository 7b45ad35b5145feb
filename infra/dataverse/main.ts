// npm run dataverse:plan | dataverse:apply | dataverse:remove: what must be registered in Dynamics, from the command line. Settings come from
// the environment or from local.settings.json; the keys only from the environment, WEBHOOK_KEY and BUS_SAS_KEY.

import { parseArgs } from "node:util";
import { SettingsError, safeMessage } from "../../shared/errors.js";
import { clientFromSettings } from "./client-from-settings.js";
import { type BusTarget, busNameOf, type WebhookTarget } from "./desired.js";
import { applyRegistration, planRegistration, planRemoval, warnings } from "./provision.js";
import { readMappings } from "./read-mappings.js";

const usage = `usage: dataverse:plan | dataverse:apply -- [--url https://<app>/api/ingress-webhook]
         [--bus-namespace sb://<namespace>.servicebus.windows.net/ --queue dataverse-notices --sas-name NAME]
         [--name NAME] [--create-image Target|Id] [--mappings FILE ...] [--language LCID]
       dataverse:remove -- [--name NAME] [--only webhook|bus]
--mappings: all documents that are, or are to be, in force together; without it the mapping that ships
the webhook, the queue, or both; apply reads their keys from WEBHOOK_KEY and BUS_SAS_KEY`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: "string" },
    "bus-namespace": { type: "string" },
    queue: { type: "string", default: "dataverse-notices" },
    "sas-name": { type: "string" },
    name: { type: "string", default: "acs-sync" },
    "create-image": { type: "string", default: "Target" },
    only: { type: "string" },
    mappings: { type: "string", multiple: true },
    language: { type: "string", default: "1033" },
  },
});

async function main(): Promise<void> {
  const [command, ...moreFiles] = positionals;
  if (command === "remove") return remove();
  const createImageProperty = values["create-image"];
  const isUsable = command === "plan" || command === "apply";
  if (!isUsable || (createImageProperty !== "Target" && createImageProperty !== "Id")) throw new Error(usage);
  const webhook = webhookTarget(command === "apply");
  const bus = busTarget(command === "apply");
  if (!webhook && !bus) throw new Error(usage);

  const client = clientFromSettings();
  const files = [...(values.mappings ?? []), ...moreFiles];
  if (moreFiles.length > 0 && !values.mappings) throw new Error(usage);
  const mappings = await readMappings(client, files, Number(values.language));
  const options = { client, webhook, bus, mappings, createImageProperty } as const;
  const actions = await planRegistration(options);
  if (command === "plan") for (const { what } of actions) console.log(`would ${what}`);
  else await applyRegistration(actions, (what) => console.log(`done: ${what}`));
  for (const warning of await warnings(options)) console.log(`warning: ${warning}`);
}

async function remove(): Promise<void> {
  const { name, only } = values;
  if (only !== undefined && only !== "webhook" && only !== "bus") throw new Error(usage);
  const actions = await planRemoval({
    client: clientFromSettings(),
    webhook: only === "bus" ? undefined : { name },
    bus: only === "webhook" ? undefined : { name: busNameOf(name) },
  });
  await applyRegistration(actions, (what) => console.log(`done: ${what}`));
  if (actions.length === 0) console.log("nothing to do");
}

function webhookTarget(needsKey: boolean): WebhookTarget | undefined {
  if (!values.url) return undefined;
  return { url: values.url, key: secret("WEBHOOK_KEY", "the function key", needsKey), name: values.name };
}

function busTarget(needsKey: boolean): BusTarget | undefined {
  const { "bus-namespace": namespace, "sas-name": sasName, queue, name } = values;
  if (!namespace && !sasName) return undefined;
  if (!namespace || !sasName) throw new Error(usage);
  const sasKey = secret("BUS_SAS_KEY", "the key of the shared access policy", needsKey);
  return { namespace, queue, sasName, sasKey, name: busNameOf(name) };
}

function secret(variable: string, what: string, isNeeded: boolean): string {
  const value = process.env[variable] ?? "";
  if (isNeeded && value === "") throw new Error(`set ${variable} to ${what} that Dataverse is to use`);
  return value;
}

main().catch((error: unknown) => {
  console.error(
    error instanceof SettingsError ? error.message : error instanceof Error ? error.message : safeMessage(error),
  );
  process.exitCode = 1;
});
