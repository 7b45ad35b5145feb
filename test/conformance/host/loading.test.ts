// How an app is loaded (facts/azure-local.md §2, registration), and what keeps a host from starting.
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { HostRefusal } from "../../../infra/local/host/config/host-refusal.js";
import type { Host } from "../../../infra/local/host/host-options.js";
import { buildSource, removeApps, writeApp } from "./apps.js";
import { spawnHost, startTestHost } from "./hosts.js";

const nodeModules = fileURLToPath(new URL("../../../node_modules", import.meta.url));
const hostJson = '{"version":"2.0"}';
const http = (name: string): string =>
  `const { app } = require("@azure/functions"); app.http("${name}", { handler: () => ({ body: "${name}" }) });`;

let host: Host | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});
afterAll(removeApps);

async function start(appDir: string, env: Record<string, string> = {}): Promise<Host> {
  host = await startTestHost({ appDir, env });
  return host;
}

/** The problems that keep a host from starting. */
async function refusal(appDir: string, env: Record<string, string> = {}): Promise<string> {
  const error = await startTestHost({ appDir, env }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HostRefusal);
  return (error as HostRefusal).problems.join("\n");
}

async function unbundled(files: Record<string, string>): Promise<string> {
  const directory = await writeApp({ "host.json": hostJson, ...files });
  await symlink(nodeModules, join(directory, "node_modules"));
  return directory;
}

describe("an app", () => {
  it("is loaded from one CommonJS bundle with no node_modules near", async () => {
    const { url } = await start(await buildSource(http("bundled")));

    expect(await (await fetch(`${url}/api/bundled`)).text()).toBe("bundled");
  });

  it("is loaded from every file its main matches, as a glob", async () => {
    const appDir = await unbundled({
      "package.json": '{"main":"dist/{index.js,functions/*.js}"}',
      "dist/index.js": http("one"),
      "dist/functions/two.js": http("two"),
      "dist/functions/three.js": http("three"),
      "dist/other/four.js": http("four"),
    });

    const { functions } = await start(appDir);

    expect(functions.map(({ name }) => name).sort()).toEqual(["one", "three", "two"]);
  });

  it("is loaded from an ES module too", async () => {
    const appDir = await unbundled({
      "package.json": '{"main":"index.mjs"}',
      "index.mjs": 'import { app } from "@azure/functions"; app.http("esm", { handler: () => ({ body: "esm" }) });',
    });

    const host = await spawnHost(appDir);
    const body = await (await fetch(`${host.url}/api/esm`)).text();
    await host.kill("SIGTERM");

    expect(body).toBe("esm");
  });

  it("is asked for its capabilities once, after which setup is shut", async () => {
    const source = `const { app } = require("@azure/functions");
      app.setup({ capabilities: { Mine: true } });
      app.http("again", { handler: () => { app.setup({ capabilities: { Other: true } }); } });`;
    const { url } = await start(await buildSource(source));

    expect((await fetch(`${url}/api/again`)).status).toBe(500);
  });

  it("runs its appStart hooks in order before anything is triggered, and appTerminate hooks when the host closes", async () => {
    const source = `const { app } = require("@azure/functions");
      globalThis.hooksRun = [];
      app.hook.appStart((context) => { context.hookData.from = "start"; globalThis.hooksRun.push("start 1"); });
      app.hook.appStart(async () => { globalThis.hooksRun.push("start 2"); });
      app.hook.appTerminate((context) => { globalThis.hooksRun.push("terminate after " + context.hookData.from); });
      app.http("hooks", { handler: () => ({ jsonBody: globalThis.hooksRun }) });`;
    const { url, close } = await start(await buildSource(source));

    const seen = await (await fetch(`${url}/api/hooks`)).json();
    await close();

    expect(seen).toEqual(["start 1", "start 2"]);
    expect((globalThis as { hooksRun?: string[] }).hooksRun).toEqual(["start 1", "start 2", "terminate after start"]);
  });

  it("is loaded afresh when a host is started again in the same process", async () => {
    const appDir = await buildSource(`${http("fresh")} globalThis.timesLoaded = (globalThis.timesLoaded ?? 0) + 1;`);
    const { close } = await start(appDir);
    await close();

    const { url } = await start(appDir);

    expect(await (await fetch(`${url}/api/fresh`)).text()).toBe("fresh");
    expect((globalThis as { timesLoaded?: number }).timesLoaded).toBe(2);
  });

  it("sees the settings it is started with, and they are gone with the host", async () => {
    const source = `require("@azure/functions").app.http("env", { handler: () => ({ body: process.env.PLANTED }) });`;
    const { url, close } = await start(await buildSource(source), { PLANTED: "value" });

    expect(await (await fetch(`${url}/api/env`)).text()).toBe("value");
    await close();
    expect(process.env.PLANTED).toBeUndefined();
  });
});

describe("a host does not start", () => {
  const functionsApp = (calls: string): Promise<string> =>
    buildSource(
      `const { app, output, input, trigger } = require("@azure/functions"); const handler = () => ({}); ${calls}`,
    );

  it("without package.json, main, host.json or a file that main matches", async () => {
    expect(await refusal(await writeApp({ "host.json": hostJson }))).toContain("package.json");
    expect(await refusal(await writeApp({ "host.json": hostJson, "package.json": "{}" }))).toContain("main");
    expect(await refusal(await writeApp({ "package.json": '{"main":"a.js"}' }))).toContain("host.json");
    expect(await refusal(await writeApp({ "host.json": hostJson, "package.json": '{"main":"dist/*.js"}' }))).toContain(
      "dist/*.js",
    );
  });

  it("when an entry file throws while it is loaded", async () => {
    expect(await refusal(await buildSource('throw new Error("no such setting")'))).toContain("no such setting");
  });

  it("when an appStart hook throws", async () => {
    const source = `${http("h")} require("@azure/functions").app.hook.appStart(() => { throw new Error("settings are wrong") });`;

    expect(await refusal(await buildSource(source))).toContain("settings are wrong");
  });

  it("when the app registers nothing", async () => {
    expect(await refusal(await buildSource("module.exports = 1;"))).toContain("registered no function");
  });

  it("when two functions have the same name", async () => {
    expect(
      await refusal(await buildSource(http("twin") + http("twin").replace("const { app }", "const { app: second }"))),
    ).toContain('"twin" has already been registered');
  });

  it("for a trigger, binding or option that is not imitated, all named at once", async () => {
    const appDir = await functionsApp(`
      app.storageQueue("q", { queueName: "x", connection: "C", handler });
      app.serviceBusTopic("t", { topicName: "x", subscriptionName: "s", connection: "C", handler });
      app.serviceBusQueue("sdk", { queueName: "x", connection: "C", sdkBinding: true, handler });
      app.serviceBusQueue("retry", { queueName: "x", connection: "C", retry: { strategy: "fixedDelay", maxRetryCount: 1, delayInterval: 1 }, handler });
      app.http("blob", { extraOutputs: [output.storageBlob({ path: "p", connection: "C" })], handler });`);

    const problems = await refusal(appDir);

    expect(problems).toContain("function q: trigger type queueTrigger is not imitated");
    expect(problems).toContain("function t: serviceBusTrigger queueName: topics and subscriptions are not imitated");
    expect(problems).toContain("function sdk: serviceBusTrigger sdkBinding");
    expect(problems).toContain("function retry: retry is imitated for timers only");
    expect(problems).toContain("function blob: out binding of type blob is not imitated");
  });

  it("for a %SETTING% that is not set", async () => {
    const appDir = await functionsApp('app.timer("t", { schedule: "%NOT_SET%", handler });');

    expect(await refusal(appDir)).toContain("set the app setting NOT_SET");
  });

  it("for a schedule or a route that cannot be read", async () => {
    expect(await refusal(await functionsApp('app.timer("t", { schedule: "61 * * * * *", handler });'))).toContain(
      'second "61"',
    );
    expect(await refusal(await functionsApp('app.http("h", { route: "a/{b=1}", handler });'))).toContain("{b=1}");
  });

  it("for a connection that is not set, or is identity-based", async () => {
    const appDir = await functionsApp('app.serviceBusQueue("b", { queueName: "x", connection: "BUS", handler });');

    expect(await refusal(appDir)).toContain("set the app setting BUS");
    expect(await refusal(appDir, { BUS__fullyQualifiedNamespace: "x.example.com" })).toContain("identity-based");
  });

  it("for a setting of host.json that is not imitated, naming it", async () => {
    const appDir = await buildSource(http("h"), {
      hostJson: { version: "2.0", concurrency: { dynamicConcurrencyEnabled: true }, extensions: { queues: {} } },
    });

    const problems = await refusal(appDir);

    expect(problems).toContain("concurrency.dynamicConcurrencyEnabled");
    expect(problems).toContain("extensions.queues");
  });

  it("when the app asks for HTTP streaming", async () => {
    const source = `${http("h")} require("@azure/functions").app.setup({ enableHttpStream: true });`;

    expect(await refusal(await buildSource(source))).toContain("enableHttpStream");
  });

  it("a second time in one process", async () => {
    await start(await buildSource(http("first")));

    expect(await refusal(await buildSource(http("second")))).toContain("process runs a Functions host already");
  });

  it("on a port that is taken", async () => {
    const first = await spawnHost(await buildSource(http("first")));

    const error = await startTestHost({
      appDir: await buildSource(http("second")),
      port: Number(new URL(first.url).port),
    }).catch(String);
    await first.kill("SIGKILL");

    expect(error).toContain("cannot be opened");
  });
});
