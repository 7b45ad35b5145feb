// npm run deploy against a stand-in for az, a real process on the PATH, and an app that answers on this machine. What Azure really does with these
// commands no test here can show.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { makeAz, quoteForCmd } from "../../infra/deploy/az.js";
import { bicepFiles, compileBicep } from "../../infra/deploy/compile.js";
import { type DeployOptions, deploy, showWhatIf } from "../../infra/deploy/deploy.js";
import { neededSecrets } from "../../infra/deploy/preflight.js";
import { eventually } from "../../infra/local/people.js";
import { type AzureState, type FakeAz, makeFakeAz } from "../support/fake-az.js";
import { startHttpServer, type TestServer } from "../support/http-server.js";

// Every az is a process: dozens of them in one test.
vi.setConfig({ testTimeout: 120_000 });

const own = {
  DYNAMICS_URL: "https://contoso.crm4.dynamics.com",
  CAMPAIGN_TENANT: "acme-mkt-stage1",
  CAMPAIGN_CLIENT_ID: "campaign-app",
};
const secrets = { CAMPAIGN_CLIENT_SECRET: "made-up-1", FINGERPRINT_KEY: "made-up-2", WEBHOOK_KEY: "made-up-3" };
const inVault = Object.values(neededSecrets);

/** What a first deployment asks of az, in order. */
const wholeWay = [
  "account show",
  "group show",
  "keyvault list",
  "bicep build",
  "bicep build-params",
  "deployment group what-if",
  "deployment group show",
  "deployment group create",
  "functionapp deployment source config-zip",
  "functionapp function keys list",
  "functionapp function keys set",
  "functionapp keys list",
];

let app: TestServer;
let answers: { status: number; body: unknown }[];
const said: string[] = [];

beforeEach(async () => {
  said.length = 0;
  answers = [{ status: 200, body: { status: "ok", checks: [] } }];
  app = await startHttpServer((response) => {
    const { status, body } = (answers.length > 1 ? answers.shift() : answers[0]) ?? { status: 500, body: {} };
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
});
afterEach(() => app.close());

function azure(state: Partial<AzureState> = {}): FakeAz {
  return makeFakeAz({ webhookUrl: `${app.url}api/ingress-webhook`, ...state });
}

function optionsFor(
  az: FakeAz,
  env: NodeJS.ProcessEnv = { ...own, ...secrets },
  changes: Partial<DeployOptions> = {},
): DeployOptions {
  return {
    az: makeAz({ ...az.env, ...env }),
    env,
    environment: "dev",
    resourceGroup: "rg",
    directory: mkdtempSync(join(tmpdir(), "deploy-")),
    patience: { withinMs: 30_000, everyMs: 5 },
    say: (line) => said.push(line),
    confirm: async () => true,
    replaceFingerprintKey: false,
    ...changes,
  };
}

describe("a first deployment", () => {
  it("checks, shows what would change, deploys, uploads, sets the webhook's key, waits until the app is well and says what comes next", async () => {
    const az = azure();
    const starting = { status: "degraded", checks: [{ name: "campaign", ok: false, problem: "no token yet" }] };
    answers.unshift({ status: 503, body: starting }, { status: 503, body: starting });

    const done = await deploy(optionsFor(az));

    expect(done).toBe(true);
    expect(az.calls().map(({ command }) => command)).toEqual(wholeWay);
    expect(az.state()).toMatchObject({ uploads: 1, webhookKeys: { dynamics: "made-up-3" } });
    expect(said.filter((line) => line.includes("no token yet"))).toHaveLength(1);
    expect(said.at(-1)).toContain(`npm run dataverse:apply -- --url ${app.url}api/ingress-webhook`);
    expect(app.requests.map(({ path, headers }) => [path, headers["x-functions-key"]])).toEqual(
      Array.from({ length: 3 }, () => ["/api/health", "host-key"]),
    );
  });

  it("gives no secret to az as an argument, and prints none", async () => {
    const az = azure();

    await deploy(optionsFor(az));

    const visible = [...az.calls().flatMap(({ args }) => args), ...said].join("\n");
    for (const secret of [...Object.values(secrets), "host-key", "master-key"]) expect(visible).not.toContain(secret);
  });

  it("changes nothing when the operator says no after seeing what would change", async () => {
    const az = azure();

    const done = await deploy(optionsFor(az, undefined, { confirm: async () => false }));

    expect(done).toBe(false);
    expect(said).toContain("Resource changes: 12 to create.\n");
    expect(az.calls().at(-1)?.command).toBe("deployment group what-if");
  });

  it("as what-if ends with what would change", async () => {
    const az = azure();

    await showWhatIf(optionsFor(az));

    expect(az.calls().map(({ command }) => command)).toEqual(wholeWay.slice(0, 6));
  });
});

describe("before anything is changed", () => {
  it("every value and secret that is missing is named at once", async () => {
    const az = azure({ secrets: ["fingerprint-key"] });

    const attempt = deploy(optionsFor(az, { DYNAMICS_URL: own.DYNAMICS_URL }));

    await expect(attempt).rejects.toThrow(
      /CAMPAIGN_TENANT\n.*CAMPAIGN_CLIENT_ID\n.*CAMPAIGN_CLIENT_SECRET .*\n.*WEBHOOK_KEY/,
    );
    await expect(attempt).rejects.not.toThrow(/FINGERPRINT_KEY|DYNAMICS_URL/);
    expect(az.calls().map(({ command }) => command)).not.toContain("deployment group what-if");
  });

  it.each<[string, Partial<AzureState>, RegExp]>([
    ["nobody is signed in", { signedIn: false }, /account show: nobody is signed in.*az login/],
    ["the resource group is missing", { group: false }, /Contoso Test has no resource group rg: az group create/],
  ])("%s: it says so and how to mend it", async (_what, state, message) => {
    const az = azure(state);

    const attempt = deploy(optionsFor(az));

    await expect(attempt).rejects.toThrow(message);
  });

  it("a machine without az is told where to get it", async () => {
    const env = { PATH: mkdtempSync(join(tmpdir(), "no-az-")) };

    const attempt = deploy(optionsFor(azure(), undefined, { az: makeAz(env) }));

    await expect(attempt).rejects.toThrow(/az, is not installed.*https:\/\//);
  });

  it("an environment that does not exist is refused with those that do", async () => {
    const attempt = deploy(optionsFor(azure(), undefined, { environment: "test" }));

    await expect(attempt).rejects.toThrow("there is no environment test: dev, stage, prod");
  });
});

describe("a deployment that fails", () => {
  it("ends at the step that fails, with Azure's words, whichever it is, and the same command goes on in the end", async () => {
    const steps = wholeWay.filter((command) => !/^functionapp (function )?keys/.test(command));
    const fail = Object.fromEntries(steps.map((command) => [command, { times: 1, says: `made ${command} fail` }]));
    const az = azure({ fail });

    const refusals: string[] = [];
    let done = false;
    while (!done) {
      done = await deploy(optionsFor(az)).catch((error: Error) => {
        refusals.push(error.message);
        return false;
      });
    }

    // The templates are judged as a whole: both of their problems are said at once.
    const apart = steps.filter((command) => command !== "bicep build-params");
    expect(refusals).toEqual(apart.map((command) => expect.stringContaining(`made ${command} fail`)));
    expect(refusals.find((refusal) => refusal.includes("made bicep build fail"))).toContain(
      "made bicep build-params fail",
    );
    expect(az.state()).toMatchObject({ uploads: 1, webhookKeys: { dynamics: "made-up-3" } });
  });

  it("to set or read keys is tried again by itself: Azure knows functions only some time after the upload", async () => {
    const notYet = { times: 3, says: "(NotFound) no such function" };
    const commands = wholeWay.filter((command) => /^functionapp (function )?keys/.test(command));
    const az = azure({ fail: Object.fromEntries(commands.map((command) => [command, notYet])) });

    const done = await deploy(optionsFor(az));

    expect(done).toBe(true);
    expect(commands).toHaveLength(3);
    expect(said.filter((line) => line.includes("no such function — trying again"))).toHaveLength(3);
    for (const command of commands) expect(az.calls().filter((call) => call.command === command)).toHaveLength(4);
  });

  it("for want of a right on the keys is not tried again", async () => {
    const says = "(AuthorizationFailed) may not list keys";
    const az = azure({ fail: { "functionapp function keys list": { times: 9, says } } });

    await expect(deploy(optionsFor(az))).rejects.toThrow(/may not list keys/);

    expect(az.state().fail["functionapp function keys list"]?.times).toBe(8);
  });

  it("because the app does not get well names what the app says, the identity that Dynamics must know, and that it can be run again", async () => {
    const az = azure();
    answers = [
      { status: 503, body: { status: "settings", problems: [{ setting: "LANES", problem: "is 0", fix: "Set it." }] } },
    ];

    const attempt = deploy(optionsFor(az, undefined, { patience: { withinMs: 50, everyMs: 5 } }));

    await expect(attempt).rejects.toThrow(/LANES is 0\. Set it\.\n.*11111111-2222.*\n.*same command/);
  });
});

describe("a deployment that was killed", () => {
  it.each(["deployment group create", "functionapp deployment source config-zip", "functionapp function keys set"])(
    "in the middle of %s is finished by the same command",
    async (command) => {
      const az = azure({ hang: command });
      const child = spawn(
        process.execPath,
        ["--import", "tsx", "infra/deploy/main.ts", "deploy", "--env", "dev", "--resource-group", "rg", "--yes"],
        { env: { ...process.env, ...az.env, ...own, ...secrets }, stdio: "ignore" },
      );
      onTestFinished(() => void child.kill("SIGKILL"));
      const ended = new Promise((resolve) => child.once("close", resolve));
      const hanging = await eventually(`az ${command}`, async () => {
        const call = az.calls().find((made) => made.command === command);
        return call && az.state().hang === undefined ? call : undefined;
      });
      child.kill("SIGKILL");
      await ended;
      process.kill(hanging.pid, "SIGKILL");

      const done = await deploy(optionsFor(az));

      expect(done).toBe(true);
      expect(az.state().webhookKeys).toEqual({ dynamics: "made-up-3" });
      expect(az.state().uploads).toBeGreaterThan(0);
    },
  );

  it("waits for what still runs in Azure, instead of being refused", async () => {
    const az = azure({ deployment: ["Running", "Running", "Succeeded"] });

    const done = await deploy(optionsFor(az));

    expect(done).toBe(true);
    expect(said.filter((line) => line.includes("still runs"))).toHaveLength(1);
    expect(az.calls().filter(({ command }) => command === "deployment group show")).toHaveLength(3);
  });

  it("gives up on one that runs for too long, and says how to cancel it", async () => {
    const az = azure({ deployment: ["Running"] });

    const attempt = deploy(optionsFor(az, undefined, { patience: { withinMs: 20, everyMs: 5 } }));

    await expect(attempt).rejects.toThrow(/still runs: wait for it, or az deployment group cancel/);
  });
});

describe("a later deployment", () => {
  const later = { secrets: inVault, deployment: ["Succeeded"], webhookKeys: { dynamics: "made-up-3" } };

  it("needs no secret: the vault and the webhook keep theirs", async () => {
    const az = azure(later);

    const done = await deploy(optionsFor(az, own));

    expect(done).toBe(true);
    expect(az.calls().map(({ command }) => command)).not.toContain("functionapp function keys set");
    expect(az.calls().map(({ command }) => command)).not.toContain("keyvault secret show");
  });

  it("takes the webhook's key from the vault where the app has none, as after it was made anew", async () => {
    const az = azure({ ...later, webhookKeys: {} });

    await deploy(optionsFor(az, own));

    expect(az.state().webhookKeys).toEqual({ dynamics: "key-in-the-vault" });
  });

  it("asks for WEBHOOK_KEY where the vault cannot be read from here", async () => {
    const forbidden = { "keyvault secret show": { times: 1, says: "(Forbidden) not from this network" } };
    const az = azure({ ...later, webhookKeys: {}, fail: forbidden });

    const attempt = deploy(optionsFor(az, own));

    await expect(attempt).rejects.toThrow(/set WEBHOOK_KEY.*webhook-key/);
  });

  it("adds another webhook key beside the old one, with which Dynamics goes on, and says how to delete that", async () => {
    const az = azure({ ...later, webhookKeys: { dynamics: "older" } });

    await deploy(optionsFor(az));

    expect(az.state().webhookKeys).toEqual({ dynamics: "older", "dynamics-2": "made-up-3" });
    expect(said.at(-1)).toContain("keys delete --resource-group rg --name acsync-dev-abc");
  });

  it.each([
    ["given", { ...own, ...secrets }],
    ["not given", own],
  ])("sets no key after a rotation, WEBHOOK_KEY being %s", async (_what, env) => {
    const az = azure({ ...later, webhookKeys: { default: "made-up-4", "dynamics-2": "made-up-3" } });

    await deploy(optionsFor(az, env));

    expect(az.state().webhookKeys).toEqual({ default: "made-up-4", "dynamics-2": "made-up-3" });
  });

  it.each([
    [false, ""],
    [true, "made-up-2"],
  ])(
    "with a FINGERPRINT_KEY while the vault has one hands on, replacing it being wanted %s, %j",
    async (replace, handed) => {
      const az = azure(later);

      await deploy(optionsFor(az, undefined, { replaceFingerprintKey: replace }));

      const create = az.calls().find(({ command }) => command === "deployment group create");
      expect(create?.env.FINGERPRINT_KEY).toBe(handed);
      expect(said.some((line) => line.startsWith("FINGERPRINT_KEY is not used"))).toBe(!replace);
    },
  );
});

describe("compileBicep", () => {
  it("gives every file to Azure's compiler, without any value of an environment, and answers its words by file", async () => {
    const az = azure({ fail: { "bicep build": { times: 1, says: "BCP057: made to fail" } } });
    const files = bicepFiles("infra");

    const problems = await compileBicep(makeAz(az.env), files, {});

    const compiled = az.calls().map(({ args }) => args[args.indexOf("--file") + 1]);
    expect(compiled).toEqual(files);
    expect(files).toEqual(
      expect.arrayContaining(["infra/main.bicep", "infra/modules/roles.bicep", "infra/prod.bicepparam"]),
    );
    expect([...problems]).toEqual([[files.find((file) => file.endsWith(".bicep")), "ERROR: BCP057: made to fail"]]);
  });
});

describe("npm run infra:build", () => {
  const build = (env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, ["--import", "tsx", "infra/deploy/compile-main.ts"], { env, encoding: "utf8" });

  it("says that it skipped every file where there is no az, and is no failure", () => {
    const { status, stdout } = build({ PATH: mkdtempSync(join(tmpdir(), "no-az-")) });

    expect(stdout).toMatch(/^skipped: .* none of \d+ Bicep files$/m);
    expect(status).toBe(0);
  });

  it("fails with the compiler's words and the file where there is one and it finds something", () => {
    const az = azure({ fail: { "bicep build-params": { times: 1, says: "BCP258: made to fail" } } });

    const { status, stderr } = build(az.env);

    expect(stderr).toMatch(/^infra\/dev\.bicepparam:\nERROR: BCP258: made to fail$/m);
    expect(status).toBe(1);
  });
});

describe("neededSecrets", () => {
  it("are secrets of the template, and every environment's parameters read their variables", () => {
    const template = readFileSync("infra/modules/key-vault.bicep", "utf8");

    for (const secret of inVault) expect(template).toContain(`name: '${secret}'`);
    for (const environment of ["dev", "stage", "prod"]) {
      const parameters = readFileSync(`infra/${environment}.bicepparam`, "utf8");
      for (const variable of Object.keys(neededSecrets)) expect(parameters).toContain(`'${variable}'`);
    }
  });
});

describe("quoteForCmd", () => {
  it.each([
    ["--resource-group", "--resource-group"],
    ["@-", "@-"],
    ["dist/package.zip", "dist/package.zip"],
    ["C:\\my files\\package.zip", '"C:\\my files\\package.zip"'],
    ["/subscriptions/0/secrets?api-version=2023-07-01", '"/subscriptions/0/secrets?api-version=2023-07-01"'],
    ["a&b|c", '"a&b|c"'],
    ['say "x"', '"say \\"x\\""'],
    ["", '""'],
  ])("writes %s as %s", (argument, written) => {
    const quoted = quoteForCmd(argument);

    expect(quoted).toBe(written);
  });
});
