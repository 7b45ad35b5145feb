import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyRegistration, planRegistration } from "../../infra/dataverse/provision.js";
import type { Checked } from "../../infra/doctor/run-checks.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { eventually } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { deployer, deployerClient, giveLeastRole } from "../support/least-role.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem;
let host: LocalProcess;

beforeAll(async () => {
  system = await startSmallSystem(5);
  await giveLeastRole(deployerClient(system.runtime.addresses.dataverse), system.runtime.settings);
  host = await system.startHost();
  const webhook = { url: `${host.address}/api/ingress-webhook`, key: "local-function-key", name: "acs-sync" };
  const client = deployerClient(system.runtime.addresses.dataverse);
  await applyRegistration(await planRegistration({ client, webhook, mappings: shippedMappings() }), () => {});
  await system.agree();
}, 180_000);
afterAll(async () => {
  await system?.stop();
});

interface Run {
  code: number;
  lines: string[];
  progress: string;
  checks: Checked[];
}

/** `npm run doctor` as somebody would start it. */
function doctor(...args: string[]): Promise<Run> {
  const json = join(system.runtime.logDirectory, "doctor.json");
  const all = ["--import", "tsx", "infra/doctor/main.ts", "--url", `${host.address}/api`, "--json", json];
  all.push("--client-id", LOCAL_APPS.integration.clientId, ...args);
  const env = { ...process.env, ...system.runtime.settings, ...deployer, CONTROL_KEY: "local-function-key" };
  rmSync(json, { force: true });
  return new Promise((resolve, reject) => {
    execFile(process.execPath, all, { env, timeout: 100_000 }, (error, out, progress) => {
      if (!existsSync(json)) return reject(new Error(`no report: ${progress}`));
      const { checks } = JSON.parse(readFileSync(json, "utf8")) as { checks: Checked[] };
      resolve({ code: error ? Number(error.code) : 0, lines: out.trimEnd().split("\n"), progress, checks });
    });
  });
}

describe("npm run doctor against the whole local runtime, whose app has the least privileges", () => {
  it("finds nothing wrong, canary and deployment included, and says what it asks meanwhile", async () => {
    const sound = async (): Promise<Run | undefined> => {
      const run = await doctor("--canary");
      // A flow whose first run has not ended is still starting.
      return run.checks.some(({ name, verdict }) => name === "workflows" && verdict === "warn") ? undefined : run;
    };

    const { code, lines, progress, checks } = await eventually("all workflows running", sound, { withinMs: 90_000 });

    const others = checks.filter(({ verdict }) => verdict !== "ok");
    expect(others.filter(({ verdict }) => verdict !== "skipped")).toEqual([]);
    expect(code).toBe(0);
    expect(lines.at(-1)).toMatch(/^\d+ checks: \d+ ok, 0 warn, 0 fail, \d+ skipped/);
    expect(progress).toContain("dynamics: sign-in: ");
    expect(checks.find(({ name }) => name === "version")?.verdict).toBe("ok");
    expect(checks.find(({ name }) => name === "tables")?.findings[0]?.seen).toBe("contact (version 1 in force)");
  }, 150_000);

  it("names what fails and ends with an error when the app is gone", async () => {
    await host.kill();

    const { code, checks } = await doctor("--only", "deployment");

    expect(code).toBe(1);
    expect(checks.filter(({ verdict }) => verdict === "fail").map(({ name }) => name)).toEqual(["app"]);
  });
});
