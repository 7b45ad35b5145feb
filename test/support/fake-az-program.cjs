// The program of fake-az.ts. CommonJS without imports of ours: it is copied into a folder of its own.
const { appendFileSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

const folder = process.env.FAKE_AZ;
const args = process.argv.slice(2);
const end = args.findIndex((argument) => argument.startsWith("-"));
const command = args.slice(0, end < 0 ? args.length : end).join(" ");
const input = args.includes("@-") ? readFileSync(0, "utf8") : "";
const env = Object.fromEntries(
  ["CAMPAIGN_CLIENT_SECRET", "FINGERPRINT_KEY", "WEBHOOK_KEY", "DYNAMICS_URL"].map((name) => [name, process.env[name]]),
);
appendFileSync(join(folder, "calls"), `${JSON.stringify({ command, args, input, env, pid: process.pid })}\n`);

const stateFile = join(folder, "state.json");
const state = JSON.parse(readFileSync(stateFile, "utf8"));
// In one step: a test may look at any time.
const save = () => {
  writeFileSync(`${stateFile}.next`, JSON.stringify(state));
  renameSync(`${stateFile}.next`, stateFile);
};
const option = (name) => args[args.indexOf(name) + 1];
const answer = (body) => console.log(JSON.stringify(body));
const refuse = (text) => {
  console.error(`ERROR: ${text}`);
  process.exit(1);
};

const planned = state.fail[command];
if (planned && planned.times > 0) {
  planned.times -= 1;
  save();
  refuse(planned.says);
}
if (!state.signedIn) refuse("Please run 'az login' to setup account.");

const resourceGroup = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/vault";
const commands = {
  version: () => answer({ "azure-cli": "2.99.0" }),
  "account show": () => answer({ name: "Contoso Test" }),
  "group show": () => state.group || refuse("(ResourceGroupNotFound) Resource group 'rg' could not be found."),
  "keyvault list": () => answer(state.secrets.length > 0 ? [{ id: resourceGroup }] : []),
  rest: () => answer({ value: state.secrets.map((name) => ({ name })) }),
  "bicep build": () => console.log("{}"),
  "bicep build-params": () => process.env.DYNAMICS_URL || refuse("BCP338: Failed to evaluate parameter"),
  "deployment group what-if": () => console.log("Resource changes: 12 to create."),
  "deployment group show": () => {
    const [now, ...later] = state.deployment;
    if (now === undefined) refuse("(DeploymentNotFound) Deployment could not be found.");
    if (later.length > 0) state.deployment = later;
    answer({ properties: { provisioningState: now } });
  },
  "deployment group create": () => {
    if (state.deployment[0] === "Running") refuse("(DeploymentActive) The deployment is still active.");
    const given = {
      CAMPAIGN_CLIENT_SECRET: "campaign-client-secret",
      FINGERPRINT_KEY: "fingerprint-key",
      WEBHOOK_KEY: "webhook-key",
    };
    for (const [variable, secret] of Object.entries(given)) {
      if (process.env[variable] && !state.secrets.includes(secret)) state.secrets.push(secret);
    }
    state.deployment = ["Succeeded"];
    const outputs = {
      appName: "acsync-dev-abc",
      vaultName: "acsync-dev-abc",
      webhookUrl: state.webhookUrl,
      identityClientId: "11111111-2222-3333-4444-555555555555",
    };
    const values = Object.entries(outputs).map(([name, value]) => [name, { type: "String", value }]);
    answer({ properties: { outputs: Object.fromEntries(values) } });
  },
  "functionapp deployment source config-zip": () => {
    const start = readFileSync(option("--src")).subarray(0, 2).toString();
    if (start !== "PK") refuse("not a zip");
    state.uploads += 1;
  },
  "functionapp function keys list": () => answer(state.webhookKeys),
  "functionapp function keys set": () => {
    state.webhookKeys[option("--key-name")] = input;
  },
  "functionapp keys list": () => answer({ functionKeys: { default: "host-key" }, masterKey: "master-key" }),
  "keyvault secret show": () => answer({ value: "key-in-the-vault" }),
};
const run = commands[command] ?? (() => refuse(`'${command}' is misspelled or not recognized by the system.`));
run();
if (state.hang === command) {
  if (command === "deployment group create") state.deployment = ["Running", "Running", "Succeeded"];
  delete state.hang;
  save();
  // But not longer than whoever called it: a test that fails leaves no process behind.
  const caller = process.ppid;
  setInterval(() => process.ppid !== caller && process.exit(1), 200);
} else save();
