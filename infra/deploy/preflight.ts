// What has to be right before anything is changed in Azure: sign-in, resource group, values by name, secrets that are in no vault yet.

import { z } from "zod";
import { type Az, AzError, azJson } from "./az.js";
import { missingVariables, variablesOf } from "./parameter-file.js";

/** Secrets that the app cannot start without, by the variable that brings them (infra/modules/key-vault.bicep). */
export const neededSecrets: Readonly<Record<string, string>> = {
  CAMPAIGN_CLIENT_SECRET: "campaign-client-secret",
  FINGERPRINT_KEY: "fingerprint-key",
  WEBHOOK_KEY: "webhook-key",
};

const accountSchema = z.object({ name: z.string() });
const vaultsSchema = z.array(z.object({ id: z.string() }));
const secretsSchema = z.object({ value: z.array(z.object({ name: z.string() })) });

/** What the environment is found to be. */
export interface Found {
  subscription: string;
  /** Names of secrets in the resource group's vault; none before the first deployment. */
  secrets: ReadonlySet<string>;
}

/** Looks and changes nothing. Throws one error that names everything missing. */
export async function preflight(
  az: Az,
  { resourceGroup, file, env }: { resourceGroup: string; file: string; env: NodeJS.ProcessEnv },
): Promise<Found> {
  const { name: subscription } = accountSchema.parse(await azJson(az, ["account", "show"]));
  await az(["group", "show", "--name", resourceGroup, "--output", "none"]).catch((error: unknown) => {
    if (!(error instanceof AzError) || !/ResourceGroupNotFound|could not be found/i.test(error.output)) throw error;
    throw new Error(
      `subscription ${subscription} has no resource group ${resourceGroup}: az group create --name ${resourceGroup} --location REGION`,
    );
  });
  const secrets = await vaultSecrets(az, resourceGroup);
  const read = new Set(variablesOf(file).map(({ name }) => name));
  const missingSecrets = Object.entries(neededSecrets)
    .filter(([variable, secret]) => read.has(variable) && !secrets.has(secret) && !env[variable])
    .map(([variable, secret]) => `${variable} (no vault in ${resourceGroup} holds ${secret} yet)`);
  const missing = [...missingVariables(file, env), ...missingSecrets];
  if (missing.length > 0) {
    throw new Error(
      `not set, and ${file} needs it:\n  ${missing.join("\n  ")}\ndocs/deploy.md says what each of them is`,
    );
  }
  return { subscription, secrets };
}

/** Names only, asked of Azure Resource Manager: whoever deploys may see them and need not be able to read a secret. */
async function vaultSecrets(az: Az, resourceGroup: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const vaults = vaultsSchema.parse(await azJson(az, ["keyvault", "list", "--resource-group", resourceGroup]));
  for (const { id } of vaults) {
    const url = `${id}/secrets?api-version=2023-07-01`;
    const { value } = secretsSchema.parse(await azJson(az, ["rest", "--method", "get", "--url", url]));
    for (const { name } of value) names.add(name);
  }
  return names;
}
