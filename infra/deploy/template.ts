// The Bicep deployment of one environment: what it would change, making it so, and what it put out.

import { z } from "zod";
import { type Az, AzError, azJson } from "./az.js";
import { type Patience, waitFor } from "./wait.js";

/** Where a template goes. `file`: the environment's parameters, which name the template. */
export interface Target {
  az: Az;
  resourceGroup: string;
  deployment: string;
  file: string;
  /** Variables that the parameter file is to see otherwise. */
  env: Readonly<Record<string, string>>;
}

const outputsSchema = z.object({
  properties: z.object({
    outputs: z.object({
      appName: z.object({ value: z.string() }),
      vaultName: z.object({ value: z.string() }),
      webhookUrl: z.object({ value: z.url() }),
      identityClientId: z.object({ value: z.string() }),
    }),
  }),
});
const stateSchema = z.object({ properties: z.object({ provisioningState: z.string() }) });

/** What the steps after the template need of it. */
export type Outputs = Record<"appName" | "vaultName" | "webhookUrl" | "identityClientId", string>;

/** What a deployment would change, in Azure's words. Changes nothing. */
export function whatIf({ az, resourceGroup, deployment, file, env }: Target): Promise<string> {
  const place = ["--resource-group", resourceGroup, "--name", deployment];
  return az(["deployment", "group", "what-if", ...place, "--parameters", file], { env });
}

/** Makes what the template says; the same again changes nothing. */
export async function createDeployment({ az, resourceGroup, deployment, file, env }: Target): Promise<Outputs> {
  const place = ["--resource-group", resourceGroup, "--name", deployment];
  const created = await az(["deployment", "group", "create", ...place, "--parameters", file, "--output", "json"], {
    env,
  });
  const { outputs } = outputsSchema.parse(JSON.parse(created)).properties;
  return {
    appName: outputs.appName.value,
    vaultName: outputs.vaultName.value,
    webhookUrl: outputs.webhookUrl.value,
    identityClientId: outputs.identityClientId.value,
  };
}

/**
 * Waits for a deployment of this name that still runs: one whose command was killed goes on in Azure, and Azure refuses a second one meanwhile.
 * `onWait` is told once.
 */
export async function waitForEarlier(target: Target, patience: Patience, onWait: () => void): Promise<void> {
  const { az, resourceGroup, deployment } = target;
  let told = false;
  const ended = await waitFor(async () => {
    const state = await stateOf(az, resourceGroup, deployment);
    if (state === undefined || /^(Succeeded|Failed|Canceled)$/.test(state)) return true;
    if (!told) onWait();
    told = true;
    return undefined;
  }, patience);
  if (ended) return;
  throw new Error(
    `deployment ${deployment} in ${resourceGroup} still runs: wait for it, or az deployment group cancel --resource-group ${resourceGroup} --name ${deployment}`,
  );
}

/** Undefined: there was none. */
async function stateOf(az: Az, resourceGroup: string, deployment: string): Promise<string | undefined> {
  const show = ["deployment", "group", "show", "--resource-group", resourceGroup, "--name", deployment];
  try {
    return stateSchema.parse(await azJson(az, show)).properties.provisioningState;
  } catch (error) {
    if (error instanceof AzError && /DeploymentNotFound|could not be found/i.test(error.output)) return undefined;
    throw error;
  }
}
