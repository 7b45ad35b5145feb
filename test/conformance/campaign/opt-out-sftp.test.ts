import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../../../infra/local/people.js";
import { type LocalProcess, startProcess } from "../../../infra/local/processes.js";
import { makeKeyPair } from "../../../infra/local/sftp/keys.js";
import { connect, type SftpClient } from "../sftp/client.js";

let campaign: LocalProcess | undefined;
let client: SftpClient | undefined;
afterEach(async () => {
  await client?.close();
  await campaign?.stop();
});

/** Starts Campaign's simulator with an SFTP account and logs in to it. */
async function start(settings: Record<string, unknown> = {}): Promise<SftpClient> {
  const directory = mkdtempSync(join(tmpdir(), "campaign-sftp-test-"));
  const key = makeKeyPair();
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const logFile = join(directory, "log");
  campaign = await startProcess({
    name: "campaign",
    script: "infra/local/campaign/main.ts",
    args: [
      ...["--port", "0", "--sftp-port", "0", "--sftp-public-key", file("key.pub", key.public)],
      ...["--settings", file("settings.json", JSON.stringify(settings))],
    ],
    logFile,
  });
  const port = await eventually("the SFTP port", async () => {
    const said = /sftp at 127\.0\.0\.1:(\d+)/.exec(readFileSync(logFile, "utf8"))?.[1];
    return said === undefined ? undefined : Number(said);
  });
  client = await connect({ host: "127.0.0.1", port, username: "campaign", privateKey: key.private });
  return client;
}

function command(name: string, body: unknown): Promise<Response> {
  return fetch(`${campaign?.address}/_sim/${name}`, { method: "POST", body: JSON.stringify(body) });
}

const someone = { resource: "profile", records: [{ externalId: "c-1", lastName: "Lee", blackListEmail: true }] };

describe("the daily opt-out file on SFTP (facts/campaign.md §9)", () => {
  it("appears in d365_loads/exports with the changed profiles and their opt-outs", async () => {
    const sftp = await start();
    await command("seed", someone);

    await command("export-opt-outs", {});
    const [file] = await sftp.list("/d365_loads/exports");

    expect(file).toMatch(/^optout_\d{14}\.csv$/);
    const [header, row] = (await sftp.read(`/d365_loads/exports/${file}`)).split("\r\n");
    expect(header).toMatch(/^externalId,.*blackListEmail/);
    expect(row).toMatch(/^c-1,/);
  });

  it("stands there half written for a while, where the switch says so", async () => {
    const sftp = await start({ fileWriteMs: 1_000 });
    await command("seed", someone);

    await command("export-opt-outs", {});
    const [file] = await sftp.list("/d365_loads/exports");
    const path = `/d365_loads/exports/${file}`;
    const half = await sftp.read(path);
    const whole = await eventually("the whole file", async () => {
      const text = await sftp.read(path);
      return text.endsWith("\r\n") && text.length > half.length ? text : undefined;
    });

    expect(whole.startsWith(half)).toBe(true);
  });
});
