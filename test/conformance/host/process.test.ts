// The host as a process: command line, settings file, signals, and the ways it dies.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { EXIT_TIMEOUT } from "../../../infra/local/host/host-options.js";
import { buildSource, removeApps } from "./apps.js";
import { type HostProcess, spawnHost } from "./hosts.js";

let host: HostProcess | undefined;
afterEach(async () => {
  await host?.kill("SIGKILL");
  host = undefined;
});
afterAll(removeApps);

const app = (calls: string): string => `const { app } = require("@azure/functions");
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  app.http("up", { handler: () => ({ body: "up" }) }); ${calls}`;

async function spawn(
  calls: string,
  args: string[] = [],
  env: Record<string, string> = {},
  hostJson?: unknown,
): Promise<HostProcess> {
  host = await spawnHost(await buildSource(app(calls), hostJson === undefined ? {} : { hostJson }), args, env);
  return host;
}

describe("the command line", () => {
  it("names what is missing and ends with code 1 when the app is not given or not there", async () => {
    const nowhere = await spawnHost(join("not", "there"));

    expect(await nowhere.exited).toMatchObject({ code: 1 });
    expect(nowhere.output()).toContain("host.json of the app must exist");
  });

  it("puts the Values of --settings into the environment; what is there already wins", async () => {
    const appDir = await buildSource(
      app('app.http("env", { handler: () => ({ jsonBody: [process.env.FROM_FILE, process.env.FROM_BOTH] }) });'),
    );
    const settings = join(appDir, "local.settings.json");
    await writeFile(settings, JSON.stringify({ IsEncrypted: false, Values: { FROM_FILE: "file", FROM_BOTH: "file" } }));

    host = await spawnHost(appDir, ["--settings", settings], { FROM_BOTH: "environment" });

    expect(await (await fetch(`${host.url}/api/env`)).json()).toEqual(["file", "environment"]);
  });

  it("refuses an encrypted settings file", async () => {
    const appDir = await buildSource(app(""));
    const settings = join(appDir, "local.settings.json");
    await writeFile(settings, JSON.stringify({ IsEncrypted: true, Values: {} }));

    host = await spawnHost(appDir, ["--settings", settings]);

    expect(await host.exited).toMatchObject({ code: 1 });
    expect(host.output()).toContain("encrypted");
  });

  it("takes overrides of host.json from the environment", async () => {
    await spawn("", [], { AzureFunctionsJobHost__extensions__http__routePrefix: "v2" });

    expect((await fetch(`${host?.url}/v2/up`)).status).toBe(200);
    expect((await fetch(`${host?.url}/api/up`)).status).toBe(404);
  });
});

describe("a host process", () => {
  it("ends on SIGTERM with code 0 after running invocations and appTerminate hooks, and takes no new requests", async () => {
    const { url, kill, output, child } = await spawn(`
      app.http("slow", { handler: async () => { await sleep(600); console.log("slow ended"); return { body: "slow" }; } });
      app.hook.appTerminate(() => console.log("terminated"));`);
    const answer = fetch(`${url}/api/slow`);
    await sleep(200);

    child.kill("SIGTERM");
    await sleep(100);
    await expect(fetch(`${url}/api/up`)).rejects.toThrow();
    const end = await kill("SIGCONT");

    expect(await (await answer).text()).toBe("slow");
    expect(end).toEqual({ code: 0, signal: null });
    expect(output()).toMatch(/slow ended[\s\S]*terminated/);
  });

  it("does not wait longer than --drain-ms for what runs", async () => {
    const { url, kill } = await spawn('app.http("stuck", { handler: () => sleep(60_000) });', ["--drain-ms", "300"]);
    fetch(`${url}/api/stuck`).catch(() => undefined);
    await sleep(200);

    const started = Date.now();
    const end = await kill("SIGTERM");

    expect(end.code).toBe(0);
    expect(Date.now() - started).toBeLessThan(3_000);
  });

  it("ends with code 1 after an uncaught exception, as the worker does, and logs it", async () => {
    const { url, exited, output } = await spawn(
      'app.http("crash", { handler: () => { setTimeout(() => { throw new Error("nobody caught this"); }, 10); } });',
    );

    await fetch(`${url}/api/crash`);

    expect(await exited).toMatchObject({ code: 1 });
    expect(output()).toContain("nobody caught this");
  });

  it("ends with code 1 after a rejection that nobody handles", async () => {
    const { url, exited } = await spawn(
      'app.http("reject", { handler: () => { Promise.reject(new Error("forgotten")); } });',
    );

    await fetch(`${url}/api/reject`).catch(() => undefined);

    expect(await exited).toMatchObject({ code: 1 });
  });

  it("ends with a code of its own when an invocation exceeds functionTimeout, as the worker is killed", async () => {
    const { url, exited, log } = await spawn(
      'app.http("endless", { handler: () => new Promise(() => setInterval(() => {}, 1000)) });',
      [],
      {},
      {
        version: "2.0",
        functionTimeout: "00:00:00.300",
      },
    );

    fetch(`${url}/api/endless`).catch(() => undefined);

    expect(await exited).toMatchObject({ code: EXIT_TIMEOUT });
    expect(log.entries.some((entry) => entry.function === "endless" && entry.message.includes("functionTimeout"))).toBe(
      true,
    );
  });

  it("stays up when there is nothing to do", async () => {
    await spawn("");
    await sleep(500);

    expect(await (await fetch(`${host?.url}/api/up`)).text()).toBe("up");
  });
});
