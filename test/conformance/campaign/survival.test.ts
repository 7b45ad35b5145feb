// A real process with --data, killed the hard way: what was answered is there afterwards.

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Caller, makeCaller, profiles, useCampaign } from "./support.js";

let folder: string;
const children = new Set<ChildProcess>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "campaign-"));
});

afterEach(async () => {
  for (const child of children) await kill(child);
  rmSync(folder, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once("exit", resolve));
  if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) await gone;
  children.delete(child);
}

async function start(): Promise<{ child: ChildProcess; campaign: Caller }> {
  const main = join(import.meta.dirname, "../../../infra/local/campaign/main.ts");
  const child = spawn(process.execPath, ["--import", "tsx", main, "--port", "0", "--data", folder], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let complaints = "";
  child.stderr?.on("data", (text) => {
    complaints += String(text);
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once("close", (code) => reject(new Error(`ended with ${code} before it was ready: ${complaints}`)));
    child.stdout?.on("data", (text) => {
      const address = /ready at (\S+)/.exec(String(text))?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  return { child, campaign: await makeCaller(url) };
}

describe("a simulator with --data", () => {
  it("has every record, PKey, write and switch again after kill -9", async () => {
    const first = await start();
    await first.campaign.sim("settings", { createStatus: 200 });
    const { PKey } = (await first.campaign.post(profiles, { externalId: "k1", lastName: "Lee" })).body;
    await first.campaign.patch(`${profiles}/k1`, { lastName: "May" });
    await first.campaign.post(profiles, { externalId: "k2" });
    await first.campaign.del(`${profiles}/k2`);
    await kill(first.child);

    const { campaign } = await start();

    expect((await campaign.get(`${profiles}/${PKey}`)).body).toMatchObject({ externalId: "k1", lastName: "May" });
    expect((await campaign.get(`${profiles}/k2`)).status).toBe(404);
    expect((await campaign.sim("state/writes?key=k1")).body.k1).toHaveLength(2);
    expect((await campaign.post(profiles, { externalId: "k1" })).status).toBe(500);
    expect((await campaign.post(profiles, { externalId: "k3" })).status).toBe(200);
  });

  it("has every record that was answered before a kill in the middle of a stream of writes", async () => {
    const { child, campaign } = await start();
    const answered: string[] = [];
    const writer = async (name: string): Promise<void> => {
      for (let index = 0; ; index += 1) {
        const { status } = await campaign.post(profiles, { externalId: `${name}${index}` });
        if (status === 201) answered.push(`${name}${index}`);
        if (answered.length === 40) await kill(child);
      }
    };

    await Promise.allSettled(["a", "b", "c", "d"].map(writer));
    const again = await start();
    const { content } = (await again.campaign.get(`${profiles}/externalId?_lineCount=1000`)).body;

    expect(answered.length).toBeGreaterThanOrEqual(40);
    expect(content).toEqual(expect.arrayContaining(answered));
  });

  it("drops a last line that a kill cut in half, and goes on", async () => {
    const first = await start();
    await first.campaign.post(profiles, { externalId: "k1" });
    await kill(first.child);
    appendFileSync(join(folder, "campaign.jsonl"), '{"t":"put","r":"profile","i":2,"v":{"exter');

    const second = await start();
    await second.campaign.post(profiles, { externalId: "k2" });
    await kill(second.child);
    const { campaign } = await start();

    const { content } = (await campaign.get(`${profiles}/externalId`)).body;
    expect(content).toEqual(["k1", "k2"]);
  });

  it("refuses to start, saying so, when a line in the middle of its journal cannot be read", async () => {
    writeFileSync(
      join(folder, "campaign.jsonl"),
      '{"t":"start","generation":1}\nnonsense\n{"t":"start","generation":2}\n',
    );

    await expect(start()).rejects.toThrow("campaign.jsonl cannot be read at byte 29");
  });

  it("forgets the records on reset, for good, and never gives out their PKeys again", async () => {
    const first = await start();
    const { PKey } = (await first.campaign.post(profiles, { externalId: "k1" })).body;
    await first.campaign.sim("reset", {});
    await kill(first.child);

    const { campaign } = await start();
    const again = await campaign.post(profiles, { externalId: "k1" });

    expect(again.status).toBe(201);
    expect(again.body.PKey).not.toBe(PKey);
  });

  it("keeps its journal short: many writes of one record do not outlive two restarts", async () => {
    const { child, campaign } = await start();
    await campaign.sim("settings", { writesPerRecord: 3 });
    await campaign.post(profiles, { externalId: "k1" });
    for (let index = 0; index < 1100; index += 1) await campaign.patch(`${profiles}/k1`, { lastName: `N${index}` });
    await kill(child);

    const again = await start();

    expect((await again.campaign.get(`${profiles}/k1`)).body.lastName).toBe("N1099");
    expect((await again.campaign.sim("state/writes?key=k1")).body.k1).toHaveLength(3);
    expect(readFileSync(join(folder, "campaign.jsonl"), "utf8").split("\n").length).toBeLessThan(20);
  });
});

describe("a simulator without --data", () => {
  const campaign = useCampaign();

  it.each([
    ["a request line that is no HTTP", "nonsense\r\n\r\n"],
    [
      "a body shorter than announced",
      "POST /acme/campaign/profileAndServices/profile HTTP/1.1\r\nContent-Length: 99\r\n\r\n{",
    ],
  ])("survives %s and a client that hangs up", async (_, bytes) => {
    const { connect } = await import("node:net");
    const { port } = new URL(campaign.url);
    const socket = connect(Number(port), "127.0.0.1");
    await new Promise((resolve) => socket.write(bytes, resolve));
    socket.destroy();

    expect((await campaign.get(profiles)).status).toBe(200);
  });
});
