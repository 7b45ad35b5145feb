// npm run deploy:smoke as a process of its own, against the local runtime.

import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { optOutColumns } from "../../infra/deploy/canary.js";
import { makeOperator, type Operator } from "../../infra/local/operator.js";
import { eventually } from "../../infra/local/people.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

interface Run {
  child: ChildProcess;
  output(): string;
  code: Promise<number | null>;
}

let system: SmallSystem;
let operator: Operator;

beforeAll(async () => {
  system = await startSmallSystem(3);
  const host = await system.startHost();
  await system.register(host);
  await system.agree();
  operator = makeOperator(() => host.address, String(system.runtime.settings.LOCAL_FUNCTION_KEY));
});
afterAll(() => system.stop(), 60_000);

function run(...args: string[]): Run {
  const child = spawn(process.execPath, ["--import", "tsx", "infra/deploy/smoke-main.ts", ...args], {
    env: { ...process.env, ...system.runtime.settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  return { child, output: () => output, code: new Promise((resolve) => child.once("close", resolve)) };
}

/** Waits until the run has put its canary into Dynamics, and answers its id. */
function canaryOf({ output }: Run): Promise<string> {
  return eventually("the canary", async () => /^canary (\S+) is in Dynamics/m.exec(output())?.[1]);
}

async function whereIs(id: string): Promise<{ contact: boolean; profile: boolean }> {
  const contacts = await system.observer.contacts();
  const profiles = await system.observer.profiles();
  return {
    contact: contacts.some(({ contactid }) => contactid === id),
    profile: profiles.some(({ externalId }) => externalId === id),
  };
}

async function profileOf(id: string): Promise<void> {
  await eventually(`the profile of ${id}`, async () => (await whereIs(id)).profile || undefined);
}

const dev = ["--env", "dev", "--look-seconds", "0.2"];

describe("npm run deploy:smoke", () => {
  it("sends a canary into Campaign and out of it again, and leaves neither contact nor profile", async () => {
    const smoke = run(...dev);

    const code = await smoke.code;

    expect(smoke.output()).toMatch(
      /profile in Campaign after [\d.]+ s\n.* gone [\d.]+ s after the canary\nthe smoke test passed/,
    );
    expect(code).toBe(0);
    expect(await whereIs(await canaryOf(smoke))).toEqual({ contact: false, profile: false });
    await system.agree();
  });

  it("removes what a run left that was killed while its canary was in both systems, and passes", async () => {
    // Stopped, or the first run might be through before it is killed.
    await operator.stop(false);
    const killed = run(...dev);
    const left = await canaryOf(killed);
    killed.child.kill("SIGKILL");
    await killed.code;
    await operator.start();
    await profileOf(left);

    const again = run(...dev);
    const code = await again.code;

    expect(again.output()).toContain(`an earlier run left canary ${left}: removing it`);
    expect(code).toBe(0);
    for (const id of [left, await canaryOf(again)])
      expect(await whereIs(id)).toEqual({ contact: false, profile: false });
  });

  it("fails and removes the canary when no profile comes in time, as while the flow is stopped", async () => {
    await operator.stop(false);
    const smoke = run(...dev, "--wait-minutes", "0.05");
    const id = await canaryOf(smoke);
    const canary = (await system.observer.contacts()).find(({ contactid }) => contactid === id);

    const code = await smoke.code;
    await operator.start();

    expect(canary).toMatchObject(Object.fromEntries(optOutColumns.map((column) => [column, true])));
    expect(canary?.emailaddress1).toBe(`acs-sync-canary-${id}@example.com`);
    expect(smoke.output()).toMatch(/after 3\.0 s there is no profile in Campaign: is the flow stopped/);
    expect(code).toBe(1);
    expect((await whereIs(id)).contact).toBe(false);
    await system.agree();
  });

  it("removes the canary on Ctrl-C", async () => {
    await operator.stop(false);
    const smoke = run(...dev);
    const id = await canaryOf(smoke);

    smoke.child.kill("SIGINT");
    const code = await smoke.code;
    await operator.start();

    expect(smoke.output()).toContain("stopping: removing the canary");
    expect(code).toBe(1);
    expect((await whereIs(id)).contact).toBe(false);
    await system.agree();
  });

  it("refuses production unless it is asked for, and puts nothing there", async () => {
    const before = await system.observer.contacts();
    const refused = run("--env", "prod");

    const code = await refused.code;

    expect(code).toBe(1);
    expect(refused.output()).toContain("--allow-production");
    expect(await system.observer.contacts()).toEqual(before);
  });

  it("goes through production where it is allowed", async () => {
    const smoke = run("--env", "prod", "--allow-production", "--look-seconds", "0.2");

    const code = await smoke.code;

    expect(smoke.output()).toContain("the smoke test passed");
    expect(code).toBe(0);
  });
});
