// The options of npm run dataverse:plan | dataverse:apply | dataverse:remove, read and checked.

import { parseArgs } from "node:util";
import { type BusTarget, busNameOf, type CreateImageProperty, type WebhookTarget } from "./desired.js";

/** How to call it. */
export const usage = `usage: dataverse:plan | dataverse:apply -- [options]
  --url https://<app>/api/ingress-webhook      register the webhook; apply reads its key from WEBHOOK_KEY
  --bus-namespace sb://<namespace>.servicebus.windows.net/ --sas-name NAME [--queue dataverse-notices]
                                               register the queue instead, or beside it; apply reads the key from BUS_SAS_KEY
  --app-user CLIENT-ID                         make the role and give it to the application user with this client id
  --only-confirmed                             the role without the privileges that no documentation confirms
  --mappings FILE [FILE ...]                   all documents that are, or are to be, in force together; without it the mapping that ships
  --language LCID                              of their labels, as published (1033)
  --activities                                 make the activity tables although EGRESS_TYPES is empty
  --solution NAME                              solution of the activity tables (CampaignEvents)
  --name NAME                                  tells several deployments on one environment apart (acs-sync)
  --create-image Target|Id                     name of the image's parameter on Create (Target)
  --write-keys                                 write the keys although they look right
  --publish                                    publish the activity tables although nothing about them changes
usage: dataverse:remove -- [--name NAME] [--only webhook|bus|role] [--table NAME ...]
  --table: an activity table to delete, with all its rows; no other is`;

/** What can be taken away by itself. */
export type Removable = "webhook" | "bus" | "role";

/** The options, checked. */
export interface CommandOptions {
  command: "plan" | "apply" | "remove";
  name: string;
  webhook: WebhookTarget | undefined;
  bus: BusTarget | undefined;
  createImageProperty: CreateImageProperty;
  appUser: string | undefined;
  onlyConfirmed: boolean;
  mappings: readonly string[];
  language: number;
  activities: boolean;
  solution: string;
  writeKeys: boolean;
  publish: boolean;
  only: Removable | undefined;
  tables: readonly string[];
}

/** Reads what follows the script's name; keys come from the environment. Throws with the usage, or saying which key is missing. */
export function parseOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CommandOptions {
  const { positionals, values } = parse(args);
  const [command, ...moreFiles] = positionals;
  if (command !== "plan" && command !== "apply" && command !== "remove") throw new Error(usage);
  if (moreFiles.length > 0 && !values.mappings) throw new Error(usage);
  const createImageProperty = oneOf(["Target", "Id"] as const, values["create-image"]);
  if (createImageProperty === undefined) throw new Error(usage);
  const appUser = values["app-user"]?.toLowerCase();
  if (appUser !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(appUser)) {
    throw new Error("--app-user takes the client id of the app's identity, a GUID");
  }
  const secret = (variable: string, what: string): string => {
    const value = environment[variable] ?? "";
    if (command === "apply" && value === "") throw new Error(`set ${variable} to ${what} that Dataverse is to use`);
    return value;
  };
  return {
    command,
    name: values.name,
    webhook: webhookTarget(values, secret),
    bus: busTarget(values, secret),
    createImageProperty,
    appUser,
    onlyConfirmed: values["only-confirmed"],
    mappings: [...(values.mappings ?? []), ...moreFiles],
    language: Number(values.language),
    activities: values.activities,
    solution: values.solution,
    writeKeys: values["write-keys"],
    publish: values.publish,
    only: onlyOf(values.only),
    tables: values.table,
  };
}

type Values = ReturnType<typeof parse>["values"];
type Secret = (variable: string, what: string) => string;

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: "string" },
        "bus-namespace": { type: "string" },
        queue: { type: "string", default: "dataverse-notices" },
        "sas-name": { type: "string" },
        name: { type: "string", default: "acs-sync" },
        "create-image": { type: "string", default: "Target" },
        "app-user": { type: "string" },
        "only-confirmed": { type: "boolean", default: false },
        activities: { type: "boolean", default: false },
        solution: { type: "string", default: "CampaignEvents" },
        "write-keys": { type: "boolean", default: false },
        publish: { type: "boolean", default: false },
        only: { type: "string" },
        table: { type: "string", multiple: true, default: [] },
        mappings: { type: "string", multiple: true },
        language: { type: "string", default: "1033" },
      },
    });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : ""}\n${usage}`, { cause: error });
  }
}

function webhookTarget({ url, name }: Values, secret: Secret): WebhookTarget | undefined {
  return url ? { url, key: secret("WEBHOOK_KEY", "the function key"), name } : undefined;
}

function busTarget(values: Values, secret: Secret): BusTarget | undefined {
  const { "bus-namespace": namespace, "sas-name": sasName, queue, name } = values;
  if (!namespace && !sasName) return undefined;
  if (!namespace || !sasName) throw new Error(usage);
  const sasKey = secret("BUS_SAS_KEY", "the key of the shared access policy");
  return { namespace, queue, sasName, sasKey, name: busNameOf(name) };
}

function onlyOf(text: string | undefined): Removable | undefined {
  if (text === undefined) return undefined;
  const only = oneOf(["webhook", "bus", "role"] as const, text);
  if (only === undefined) throw new Error(usage);
  return only;
}

function oneOf<T extends string>(known: readonly T[], text: string): T | undefined {
  return known.find((one) => one === text);
}
