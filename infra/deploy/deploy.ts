// The whole way of one environment into Azure, step by step; every step may be done again. How each is done is in the files beside.

import { checkBicep } from "../bicep-check/check.js";
import { readBicepFiles } from "../bicep-check/read-files.js";
import { makePackage } from "../package/make-package.js";
import { packageLines } from "../package/package-lines.js";
import type { Az } from "./az.js";
import { compileBicep } from "./compile.js";
import { type FunctionApp, setWebhookKey, uploadPackage, waitForHealth } from "./function-app.js";
import { preflight } from "./preflight.js";
import { createDeployment, type Target, waitForEarlier, whatIf } from "./template.js";
import type { Patience } from "./wait.js";

/** What is deployed and where, and who is told. `directory`: where the package is made. */
export interface DeployOptions {
  az: Az;
  env: NodeJS.ProcessEnv;
  environment: string;
  resourceGroup: string;
  directory: string;
  patience: Patience;
  say(line: string): void;
  /** Asked once, after what would change was shown. */
  confirm(): Promise<boolean>;
  /** Is FINGERPRINT_KEY to take the place of the one in the vault? */
  replaceFingerprintKey: boolean;
}

/** Shows what a deployment would change, and changes nothing. */
export async function showWhatIf(options: DeployOptions): Promise<void> {
  await prepare(options);
}

/** Deploys. Throws at the first step that fails; run again, it does what is left. False: the operator did not want it. */
export async function deploy(options: DeployOptions): Promise<boolean> {
  const { az, env, environment, resourceGroup, directory, patience, say, confirm } = options;
  const target = await prepare(options);
  if (!(await confirm())) {
    say("nothing was changed");
    return false;
  }
  await waitForEarlier(target, patience, () => say("an earlier deployment still runs in Azure: waiting for it …"));
  say(`deploying to ${resourceGroup} …`);
  const { appName, vaultName, webhookUrl, identityClientId } = await createDeployment(target);

  say(`Dynamics has to know the app: an application user for ${identityClientId} (docs/deploy.md)`);
  const made = await makePackage(directory);
  for (const line of packageLines(made)) say(line);
  const url = webhookUrl.slice(0, webhookUrl.lastIndexOf("/"));
  const app: FunctionApp = { az, resourceGroup, name: appName, url, say };
  say(`uploading ${made.zip} to ${appName} …`);
  await uploadPackage(app, made.zip);
  const key = await setWebhookKey(app, { given: env.WEBHOOK_KEY || undefined, vaultName, patience });
  say(`the webhook opens with the key ${key.name}, ${key.isNew ? "set now" : "as before"}`);

  say(`waiting for ${url}/health …`);
  await waitForHealth(app, patience).catch((error: unknown) => {
    const hint = `is there an application user in Dynamics for the identity ${identityClientId}? (docs/deploy.md)`;
    throw new Error(`${error instanceof Error ? error.message : error}\n${hint}\nThe same command goes on from here.`);
  });
  say(`the app is well. Next, with WEBHOOK_KEY set to the webhook's key:
  npm run dataverse:apply -- --url ${webhookUrl} --app-user ${identityClientId}
  npm run deploy:smoke -- --env ${environment}`);
  for (const older of key.older) {
    say(`and then, for Dynamics no longer sends it:
  az functionapp function keys delete --resource-group ${resourceGroup} --name ${appName} --function-name ingress-webhook --key-name ${older}`);
  }
  return true;
}

/** Everything before the first change. */
async function prepare(options: DeployOptions): Promise<Target> {
  const { az, env, environment, resourceGroup, say, replaceFingerprintKey } = options;
  const file = parameterFile(environment);
  const { subscription, secrets } = await preflight(az, { resourceGroup, file, env });
  say(`subscription ${subscription}, resource group ${resourceGroup}, parameters ${file}`);

  const problems = checkBicep(await readBicepFiles("infra")).map(({ at, problem }) => `${at} ${problem}`);
  const compiled = await compileBicep(az, ["infra/main.bicep", file], env);
  problems.push(...[...compiled].map(([path, problem]) => `${path}: ${problem}`));
  if (problems.length > 0) throw new Error(`the templates have problems:\n${problems.join("\n")}`);
  say("the templates are well-formed");

  const keepsFingerprint = Boolean(env.FINGERPRINT_KEY) && secrets.has("fingerprint-key") && !replaceFingerprintKey;
  if (keepsFingerprint)
    say(
      "FINGERPRINT_KEY is not used: the vault has one, and another makes the next load write every record again (--replace-fingerprint-key)",
    );
  const target: Target = {
    az,
    resourceGroup,
    deployment: `dynamics-campaign-sync-${environment}`,
    file,
    env: keepsFingerprint ? { FINGERPRINT_KEY: "" } : {},
  };
  say(await whatIf(target));
  return target;
}

const environments = ["dev", "stage", "prod"];

function parameterFile(environment: string): string {
  if (!environments.includes(environment)) {
    throw new Error(`there is no environment ${environment}: ${environments.join(", ")}`);
  }
  return `infra/${environment}.bicepparam`;
}
