// The app in Azure after the template: its code, the webhook's key, and whether it is well.

import { z } from "zod";
import { type Az, AzError, azJson } from "./az.js";
import { type Patience, waitFor } from "./wait.js";

/** A Function App, who talks to Azure about it, and who is told. `url`: of its functions, `https://<host>/api`. */
export interface FunctionApp {
  az: Az;
  resourceGroup: string;
  name: string;
  url: string;
  say(line: string): void;
}

const webhook = "ingress-webhook";
/** Name of the key that Dynamics sends; later ones are called `dynamics-2` and so on. */
const keyName = "dynamics";
const keysSchema = z.record(z.string(), z.unknown());
const hostKeysSchema = z.object({ functionKeys: z.object({ default: z.string() }) });
const healthSchema = z.object({
  status: z.string(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), problem: z.string().optional() })).optional(),
  problems: z.array(z.object({ setting: z.string(), problem: z.string(), fix: z.string() })).optional(),
});

/** Puts the package in place of whatever runs there. */
export async function uploadPackage({ az, resourceGroup, name }: FunctionApp, zip: string): Promise<void> {
  const place = ["--resource-group", resourceGroup, "--name", name];
  await az(["functionapp", "deployment", "source", "config-zip", ...place, "--src", zip, "--output", "none"]);
}

/** What became of the webhook's key. `older`: names of keys that open the webhook as well, until they are deleted. */
export interface WebhookKey {
  name: string;
  isNew: boolean;
  older: readonly string[];
}

/**
 * Makes sure that the webhook opens with Dynamics' key: `given`, or the vault's where there is none yet. Another key than it has is added beside the old one,
 * with which Dynamics goes on until it is registered anew. Functions are known to Azure only some time after an upload, so that it is tried again until
 * `patience` ends.
 */
export async function setWebhookKey(
  app: FunctionApp,
  { given, vaultName, patience }: { given: string | undefined; vaultName: string; patience: Patience },
): Promise<WebhookKey> {
  const { az, resourceGroup, name: appName } = app;
  const place = ["--resource-group", resourceGroup, "--name", appName, "--function-name", webhook];
  const keys = keysSchema.parse(
    await persist(app, () => azJson(az, ["functionapp", "function", "keys", "list", ...place]), patience),
  );
  const ours = Object.keys(keys).filter((name) => name === keyName || name.startsWith(`${keyName}-`));
  const same = given === undefined ? ours[0] : ours.find((name) => keys[name] === given);
  if (same !== undefined) return { name: same, isNew: false, older: [] };
  const input = given ?? (await keyInVault(az, vaultName));
  const name = freeName(ours);
  const set = ["functionapp", "function", "keys", "set", ...place, "--key-name", name, "--key-value", "@-"];
  await persist(app, () => az([...set, "--output", "none"], { input }), patience);
  return { name, isNew: true, older: ours };
}

/** `dynamics`, `dynamics-2`, … */
function freeName(taken: readonly string[]): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? keyName : `${keyName}-${number}`;
    if (!taken.includes(name)) return name;
  }
}

async function keyInVault(az: Az, vaultName: string): Promise<string> {
  const show = ["keyvault", "secret", "show", "--vault-name", vaultName, "--name", "webhook-key"];
  try {
    return z.object({ value: z.string() }).parse(await azJson(az, show)).value;
  } catch (error) {
    throw new Error(
      `the webhook has no key ${keyName} yet and the vault's cannot be read from here: set WEBHOOK_KEY to what the vault ${vaultName} holds as webhook-key, or get the role Key Vault Secrets User on it`,
      { cause: error },
    );
  }
}

/**
 * Waits until `/api/health` says ok, telling every other answer once. Throws with what the app says is wrong when it does not get well in time.
 */
export async function waitForHealth(app: FunctionApp, patience: Patience): Promise<void> {
  const { az, resourceGroup, name, url, say } = app;
  const list = ["functionapp", "keys", "list", "--resource-group", resourceGroup, "--name", name];
  const { functionKeys } = hostKeysSchema.parse(await persist(app, () => azJson(az, list), patience));
  let last = "";
  const well = await waitFor(async () => {
    const answer = await askHealth(`${url}/health`, functionKeys.default);
    if (answer !== last && answer !== "ok") say(`  ${answer}`);
    last = answer;
    return answer === "ok" ? true : undefined;
  }, patience);
  if (!well) throw new Error(`${url}/health is not ok after ${Math.round(patience.withinMs / 1000)} s: ${last}`);
}

const healthTimeoutMs = 60_000;

/** "ok", or what is wrong, in a line for each thing. */
async function askHealth(url: string, key: string): Promise<string> {
  let response: Response;
  let text: string;
  try {
    const signal = AbortSignal.timeout(healthTimeoutMs);
    response = await fetch(url, { headers: { "x-functions-key": key }, signal, redirect: "error" });
    text = await response.text();
  } catch (error) {
    return `no answer (${error instanceof Error ? error.message : error})`;
  }
  const health = healthSchema.safeParse(parse(text));
  if (!health.success) return `answers ${response.status}, not as the app does: is it starting, or failing to?`;
  const { status, checks = [], problems = [] } = health.data;
  if (response.ok && status === "ok") return "ok";
  const wrong = [
    ...problems.map(({ setting, problem, fix }) => `${setting} ${problem}. ${fix}`),
    ...checks.filter(({ ok }) => !ok).map((check) => `${check.name}: ${check.problem ?? "not reached"}`),
  ];
  return [status, ...wrong].join("\n  ");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Tries again while Azure says no, telling its first no, but not where it says that we may not; its last word is thrown. */
async function persist<T>({ say }: FunctionApp, ask: () => Promise<T>, patience: Patience): Promise<T> {
  let last: AzError | undefined;
  const found = await waitFor(async () => {
    try {
      return { answer: await ask() };
    } catch (error) {
      if (!(error instanceof AzError) || /AuthorizationFailed|Forbidden/i.test(error.output)) throw error;
      if (!last) say(`  ${error.message.replace(/\s+/g, " ")} — trying again …`);
      last = error;
      return undefined;
    }
  }, patience);
  if (found) return found.answer;
  throw last;
}
