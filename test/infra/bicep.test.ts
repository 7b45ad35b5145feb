// Bicep against the code it deploys, and every check against something that is wrong. What only Azure's compiler and a deployment show: docs/deploy.md.

import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { appSettingsOf } from "../../infra/bicep-check/app-settings.js";
import { checkBicep } from "../../infra/bicep-check/check.js";
import { declarationsOf, expressionOf, literalOf } from "../../infra/bicep-check/declarations.js";
import { type BicepFile, makeBicepParser } from "../../infra/bicep-check/parse.js";
import { readBicepFiles } from "../../infra/bicep-check/read-files.js";
import { allowedRoles } from "../../infra/bicep-check/roles.js";
import { type QueueDefinition, queues } from "../../shared/messaging/queues.js";
import { tableNames } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";
import { mostLanes, type SettingDefinition, settingDefinitions } from "../../shared/settings/schema.js";

let parse: (path: string, text: string) => BicepFile;
let files: BicepFile[];

beforeAll(async () => {
  parse = await makeBicepParser();
  files = await readBicepFiles("infra");
});

describe("the Bicep files", () => {
  it("parse, and have no problem that their text can show", () => {
    const problems = checkBicep(files);

    expect(problems).toEqual([]);
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        "infra/main.bicep",
        "infra/dev.bicepparam",
        "infra/stage.bicepparam",
        "infra/prod.bicepparam",
      ]),
    );
  });

  it("describe every parameter", () => {
    const silent = files
      .filter(({ path }) => path.endsWith(".bicep"))
      .flatMap((file) => declarationsOf(file).map((declaration) => ({ file: file.path, ...declaration })))
      .filter(({ kind, decorators }) => kind === "param" && !decorators.includes("description"))
      .map(({ file, name }) => `${file}: ${name}`);

    expect(silent).toEqual([]);
  });

  it("make the queues that the code defines, with the same properties", () => {
    const wanted = Object.fromEntries(Object.entries(queues).map(([name, queue]) => [name, inBicep(queue)]));

    const made = literal("infra/modules/service-bus.bicep", "queues");

    expect(made).toEqual(wanted);
    expect(named("Microsoft.ServiceBus/namespaces/queues", "infra/modules/service-bus.bicep")).toEqual(
      Object.keys(queues),
    );
    expect(named("Microsoft.ServiceBus/namespaces/queues", "infra/modules/roles.bicep")).toEqual(Object.keys(queues));
  });

  it("make the tables that the code uses", () => {
    const made = literal("infra/modules/storage.bicep", "tableNames");

    expect(made).toEqual([...tableNames]);
  });

  it("can set every setting of the app but those of the local runtime, and no other", () => {
    const local = ["SERVICEBUS", "NOTICES", "TABLES"];

    const names = settings().map(({ name }) => name);

    const own = new Set(
      names.filter(
        (name) => !/^(AzureWebJobsStorage|APPLICATIONINSIGHTS)|^AZURE_CLIENT_ID$|__(credential|clientId)$/.test(name),
      ),
    );
    expect([...own].sort()).toEqual(
      Object.keys(settingDefinitions)
        .filter((name) => !local.includes(name))
        .sort(),
    );
  });

  it("set every secret by a reference to the vault, and nothing else", () => {
    const fromVault = settings()
      .filter(({ by }) => by === "vault")
      .map(({ name }) => name);

    const secrets = Object.entries<SettingDefinition>(settingDefinitions)
      .filter(([name, { secret }]) => secret && !["SERVICEBUS", "NOTICES", "TABLES"].includes(name))
      .map(([name]) => name);
    expect(fromVault.sort()).toEqual(secrets.sort());
  });

  it("refer to secrets that the vault module makes", () => {
    const text = readFileSync("infra/modules/function-app.bicep", "utf8");

    const used = [...text.matchAll(/secretOf\(vaultUri, '([\w-]+)'\)/g)].map(([, name]) => name);

    expect(named("Microsoft.KeyVault/vaults/secrets", "infra/modules/key-vault.bicep")).toEqual(
      expect.arrayContaining(used),
    );
    expect(used).toHaveLength(4);
  });

  it("give an app that starts: the settings load with the values a deployment has", () => {
    const start = () =>
      loadSettings({
        RUNTIME: "azure",
        DYNAMICS_URL: "https://contoso.crm4.dynamics.com",
        DYNAMICS_AUTH: "managed-identity",
        DYNAMICS_AUTHORITY: "https://login.microsoftonline.com/",
        DYNAMICS_CLIENT_ID: "00000000-0000-4000-a000-000000000001",
        CAMPAIGN_TENANT: "acme",
        CAMPAIGN_CLIENT_ID: "client",
        CAMPAIGN_CLIENT_SECRET: "resolved",
        FINGERPRINT_KEY: "resolved-resolved",
        LANES: "4",
        SERVICEBUS__fullyQualifiedNamespace: "sb-acsync.servicebus.windows.net",
        TABLES__tableServiceUri: "https://stacsync.table.core.windows.net/",
      });

    expect(start).not.toThrow();
  });

  it("allow no more lanes than one instance can hold, and instances enough for every function", () => {
    const text = readFileSync("infra/main.bicep", "utf8");
    const range = (name: string) => {
      const [, low, high] =
        new RegExp(`@minValue\\((\\d+)\\)\\n@maxValue\\((\\d+)\\)\\nparam ${name} int`).exec(text) ?? [];
      return [Number(low), Number(high)];
    };

    expect(range("lanes")).toEqual([1, mostLanes]);
    expect(range("maximumInstanceCount")[0]).toBeGreaterThanOrEqual(functionNames("timer|serviceBusQueue").length + 1);
  });

  it("keep an instance ready for a function that exists", () => {
    const groups = literalNames("infra/modules/function-app.bicep", "alwaysReady");

    const known = ["http", ...functionNames("timer|serviceBusQueue").map((name) => `function:${name}`)];
    expect(groups).toContain("function:ingress-write");
    expect(known).toEqual(expect.arrayContaining(groups));
  });

  it("alert on lines that the app writes", () => {
    const source = ["functions", "shared"].flatMap(sourcesIn).join("\n");
    const alerts = readFileSync("infra/modules/alerts.bicep", "utf8").replaceAll("\\'", "'");

    const events = [...alerts.matchAll(/startswith "([^"{]+) \{?"/g)].map(([, event]) => event ?? "");

    expect(events.length).toBeGreaterThan(8);
    const unwritten = events.filter((event) => !source.includes(`"${event}`));
    expect(unwritten).toEqual([]);
    const values = ['outcome: "failed"', 'super("auth"'].filter((value) => !source.includes(value));
    expect(values).toEqual([]);
  });

  it("send Dynamics to the address that the webhook has", () => {
    const route = /route: "([\w-]+)"/.exec(readFileSync("functions/ingress-webhook.ts", "utf8"))?.[1];
    const { routePrefix } = JSON.parse(readFileSync("host.json", "utf8")).extensions.http;

    expect(readFileSync("infra/main.bicep", "utf8")).toContain(`.host}/${routePrefix}/${route}'`);
  });
});

describe("every allowed role", () => {
  it("has a reason and is used", () => {
    const page = readFileSync("infra/modules/roles.bicep", "utf8");

    for (const [role, { why }] of Object.entries(allowedRoles)) {
      expect(why.length).toBeGreaterThan(10);
      expect(page).toContain(`roleDefinitions', roleIds.${role})`);
    }
  });
});

describe("the checks, tried on files that are wrong", () => {
  it.each([
    ["a bracket that is not closed", "var x = [\n  1\n", "is not Bicep|lacks"],
    ["a missing value", "output x string =\n", "is not Bicep|lacks"],
    ["two entries on one line", "output x object = { a: 1 b: 2 }", "without a comma"],
    ["an operator that begins a line", "output x bool = true\n  && false", "start of a line"],
    ["an unknown name", "output x string = nobody", "nobody is unknown"],
    ["an unknown name in a string", `output x string = 'a-\${nobody}'`, "nobody is unknown"],
    ["a loop's name outside of it", "output x array = [for one in [1]: one]\noutput y int = one", "one is unknown"],
    ["an unknown function", "output x string = lowerCase('A')", "calls lowerCase"],
    ["an unknown decorator", "@secured()\nparam x string\noutput y string = x", "@secured is unknown"],
    ["a parameter that nothing uses", "@description('x')\nparam x string", "param x is not used"],
    ["a variable that nothing uses", "var x = 1", "var x is not used"],
    [
      "an existing resource that nothing uses",
      "resource x 'Microsoft.A/b@2024-01-01' existing = { name: 'x' }",
      "resource x is not used",
    ],
    ["a name declared twice", "var x = 1\nvar x = 2\noutput y int = x", "a second time"],
    ["a module that is not there", "module m 'nowhere.bicep' = { name: 'm' }", "nowhere.bicep is not there"],
    ["a host written out", "output x string = 'https://a.blob.core.windows.net/'", "host"],
    ["a GUID written out", "output x string = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'", "GUID"],
    ["a resource id written out", "output x string = '/subscriptions/a/b'", "resource id"],
    [
      "a region written out",
      "resource x 'Microsoft.A/b@2024-01-01' = {\n  name: 'x'\n  location: 'westeurope'\n}",
      "region",
    ],
    ["a resource without API version", "resource x 'Microsoft.A/b' = { name: 'x' }", "no API version"],
    ["a preview", "resource x 'Microsoft.A/b@2024-01-01-preview' = { name: 'x' }", "preview"],
    [
      "keys of a storage account",
      "resource x 'Microsoft.Storage/storageAccounts@2023-05-01' = {\n  name: 'x'\n}",
      "allowSharedKeyAccess",
    ],
    [
      "a namespace with keys",
      "resource x 'Microsoft.ServiceBus/namespaces@2024-01-01' = {\n  name: 'x'\n  properties: { disableLocalAuth: false }\n}",
      "disableLocalAuth",
    ],
    [
      "a policy that manages",
      "resource x 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2024-01-01' = {\n  name: 'a/b/c'\n  properties: { rights: ['Manage'] }\n}",
      "more than sending",
    ],
    ["a secret that is not marked", "param apiKey string\noutput x bool = empty(apiKey)", "not @secure"],
    ["a secret written out", "@secure()\nparam apiKey string = 'abc'\noutput x bool = empty(apiKey)", "written out"],
    ["a secret as output", "@secure()\nparam apiKey string\noutput x string = apiKey", "others can read it"],
    [
      "a secret in a plain setting",
      "@secure()\nparam apiKey string\nvar settings = { KEY: apiKey }\noutput x object = settings",
      "others can read it",
    ],
    [
      "keys that are fetched",
      "resource x 'Microsoft.A/b@2024-01-01' existing = { name: 'x' }\noutput y string = x.listKeys().key1",
      "keys and secrets",
    ],
  ])("find %s", (_what, text, problem) => {
    const problems = checkBicep([parse("x.bicep", text)]);

    expect(problems.map((one) => one.problem).join("\n")).toMatch(new RegExp(problem));
    expect(problems[0]?.at).toMatch(/^x\.bicep:\d+$/);
  });

  it.each([
    ["a parameter that a module needs", "module m 'm.bicep' = { name: 'm' }", "needs parameter size"],
    [
      "a parameter that a module does not have",
      "module m 'm.bicep' = {\n  name: 'm'\n  params: { size: 1, sice: 2 }\n}",
      "no parameter sice",
    ],
    [
      "an output that a module does not have",
      "module m 'm.bicep' = {\n  name: 'm'\n  params: { size: 1 }\n}\noutput y int = m.outputs.b",
      "no output b",
    ],
    [
      "a type that a module does not export",
      "import { big } from 'm.bicep'\nparam x big\noutput y object = x",
      "exports no big",
    ],
  ])("find %s", (_what, text, problem) => {
    const other = parse("m.bicep", "param size int\noutput a int = size");

    const problems = checkBicep([parse("x.bicep", text), other]);

    expect(problems.map((one) => one.problem).join("\n")).toContain(problem);
  });

  it.each([
    ["a template that is not there", "using 'other.bicep'", "no template"],
    ["a parameter that is missing", "using 'main.bicep'", "needs parameter size"],
    ["a parameter that does not exist", "using 'main.bicep'\nparam size = 1\nparam sice = 2", "no parameter sice"],
    [
      "a secret that stands in the file",
      "using 'main.bicep'\nparam size = 1\nparam apiKey = 'abc'",
      "stands in the file",
    ],
  ])("find in a parameter file %s", (_what, text, problem) => {
    const main = parse(
      "main.bicep",
      "param size int\n@secure()\nparam apiKey string = ''\noutput a int = empty(apiKey) ? size : 0",
    );

    const problems = checkBicep([main, parse("x.bicepparam", text)]);

    expect(problems.map((one) => one.problem).join("\n")).toContain(problem);
  });

  it.each([
    [
      "one outside the page of roles",
      (page: string) => page,
      "infra/modules/storage-roles.bicep",
      "outside modules/roles.bicep",
    ],
    [
      "one for the whole resource group",
      (page: string) => page.replace("  scope: storage\n", ""),
      "",
      "whole resource group",
    ],
    ["one on a wider resource", (page: string) => page.replaceAll("scope: changes", "scope: bus"), "", "on bus"],
    [
      "Owner under another's name",
      (page: string) => page.replace("b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
      "",
      "not an allowed role",
    ],
    ["one without a reason", (page: string) => page.replace(/@description\('The lanes.*\n/, ""), "", "gives no reason"],
    [
      "one that lets the app write secrets",
      (page: string) => page.replaceAll("principalId: operatorGroupId", "principalId: appPrincipalId"),
      "",
      "to appPrincipalId",
    ],
    [
      "one given by its number",
      (page: string) => page.replaceAll("roleIds.keyVaultSecretsUser)", "'x')"),
      "",
      "not in roleIds",
    ],
  ])("find a role: %s", (_what, spoil, path, problem) => {
    const page = readFileSync("infra/modules/roles.bicep", "utf8");

    const problems = checkBicep([parse(path || "infra/modules/roles.bicep", spoil(page))]);

    expect(spoil(page) !== page || path !== "").toBe(true);
    expect(problems.map((one) => one.problem).join("\n")).toContain(problem);
  });

  it("let a loop, a lambda, a condition and a function use their own names", () => {
    const text = [
      `func twice(text string) string => '\${text}\${text}'`,
      "var sizes = [for (size, index) in [1, 2]: size + index]",
      "output big array = filter(sizes, one => one > 1)",
      "output name string = length(sizes) > 1 ? twice('a') : 'b'",
    ].join("\n");

    expect(checkBicep([parse("x.bicep", text)])).toEqual([]);
  });
});

function fileAt(path: string): BicepFile {
  const file = files.find((one) => one.path === path);
  if (!file) throw new Error(`${path} is missing`);
  return file;
}

function literal(path: string, variable: string): unknown {
  const declaration = declarationsOf(fileAt(path)).find(({ kind, name }) => kind === "var" && name === variable);
  const value = declaration && expressionOf(declaration);
  if (!value) throw new Error(`${path} has no variable ${variable}`);
  return literalOf(value);
}

/** The literal names of the entries of a list whose other properties are computed. */
function literalNames(path: string, variable: string): string[] {
  const declaration = declarationsOf(fileAt(path)).find(({ name }) => name === variable);
  return [...(declaration?.node.text ?? "").matchAll(/name: '([^']+)'/g)].map(([, name]) => name ?? "");
}

/** Names of the resources of a type in a file, in order. */
function named(type: string, path: string): string[] {
  return declarationsOf(fileAt(path))
    .filter(({ symbol }) => symbol?.split("@")[0] === type)
    .map(({ node }) => /^\s+name: '([^']+)'/m.exec(node.text)?.[1] ?? "");
}

function settings() {
  return appSettingsOf(fileAt("infra/modules/function-app.bicep"), fileAt("infra/modules/settings.bicep"));
}

/** A queue as Service Bus has it. */
function inBicep(queue: QueueDefinition) {
  return {
    requiresSession: queue.requiresSession,
    lockDuration: `PT${queue.lockDurationSeconds / 60}M`,
    maxDeliveryCount: queue.maxDeliveryCount,
    requiresDuplicateDetection: queue.duplicateDetectionSeconds !== undefined,
    ...(queue.duplicateDetectionSeconds !== undefined && {
      duplicateDetectionHistoryTimeWindow: `PT${queue.duplicateDetectionSeconds / 60}M`,
    }),
    defaultMessageTimeToLive: `P${queue.timeToLiveDays}D`,
    deadLetteringOnMessageExpiration: queue.deadLetteringOnMessageExpiration,
  };
}

function functionNames(triggers: string): string[] {
  const registered = new RegExp(`(?:app\\.(?:${triggers})\\(|runTimer\\(\\{ name: )"([\\w-]+)"`, "g");
  return sourcesIn("functions").flatMap((source) => [...source.matchAll(registered)].map(([, name]) => name ?? ""));
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(`${folder}/${file}`, "utf8"));
}
