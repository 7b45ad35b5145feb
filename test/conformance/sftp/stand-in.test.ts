import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectConfig, utils } from "ssh2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeKeyPair } from "../../../infra/local/sftp/keys.js";
import { type SftpServer, startSftpServer } from "../../../infra/local/sftp/start-sftp-server.js";
import { connect, type SftpClient } from "./client.js";
import { describeSftpServer } from "./sftp.contract.js";

const key = makeKeyPair();

function start(root: string): Promise<SftpServer> {
  return startSftpServer({ port: 0, root, users: [{ name: "campaign", publicKey: key.public }] });
}

function configOf({ port }: SftpServer): ConnectConfig {
  return { host: "127.0.0.1", port, username: "campaign", privateKey: key.private };
}

describeSftpServer("the SFTP stand-in", async () => {
  const root = mkdtempSync(join(tmpdir(), "sftp-"));
  mkdirSync(join(root, "d365_loads"));
  const server = await start(root);
  const { hostKeyFingerprint: fingerprint, close } = server;
  return { config: configOf(server), base: "/d365_loads", fingerprint, close };
});

describe("the SFTP stand-in alone", () => {
  let root: string;
  let server: SftpServer;
  let client: SftpClient;
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "sftp-"));
    server = await start(root);
    client = await connect(configOf(server));
  });
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  it.each(["../../etc/hostname", "/../etc/hostname", "a/../../etc/hostname"])(
    "keeps a client inside its folder: %s leads nowhere",
    async (path) => {
      await expect(client.read(path)).rejects.toMatchObject({ code: utils.sftp.STATUS_CODE.NO_SUCH_FILE });
    },
  );

  it("does not follow a link that leads out of its folder, to read or to write", async () => {
    const outside = mkdtempSync(join(tmpdir(), "outside-"));
    writeFileSync(join(outside, "secret"), "secret");
    symlinkSync(outside, join(root, "link"));

    await expect(client.read("/link/secret")).rejects.toMatchObject({ code: utils.sftp.STATUS_CODE.PERMISSION_DENIED });
    await expect(client.write("/link/new", "x")).rejects.toMatchObject({
      code: utils.sftp.STATUS_CODE.PERMISSION_DENIED,
    });
  });

  it("does not make a file through a link that leads nowhere yet", async () => {
    const outside = mkdtempSync(join(tmpdir(), "outside-"));
    symlinkSync(join(outside, "new"), join(root, "dangling"));

    await expect(client.write("/dangling", "x")).rejects.toMatchObject({
      code: utils.sftp.STATUS_CODE.PERMISSION_DENIED,
    });
    expect(existsSync(join(outside, "new"))).toBe(false);
  });

  it("closes though a client that never says anything is connected", async () => {
    const silent = connectTcp(server.port, "127.0.0.1");
    await once(silent, "connect");
    silent.on("error", () => undefined);
    const started = performance.now();

    await server.close();

    expect(performance.now() - started).toBeLessThan(5_000);
    silent.destroy();
  });

  it("counts a login once, and delays it where a fault says so", async () => {
    server.faults.add([
      { on: "AUTH campaign", after: 1, times: 1, answer: { status: "FAILURE" } },
      { on: "AUTH campaign", delayMs: 150 },
    ]);
    const started = performance.now();

    await (await connect(configOf(server))).close();
    const took = performance.now() - started;

    expect(took).toBeGreaterThanOrEqual(149);
    await expect(connect(configOf(server))).rejects.toThrow(/authentication/i);
  });

  it("refuses what it does not imitate: links, commands", async () => {
    await expect(client.symlink("/a", "/b")).rejects.toMatchObject({ code: utils.sftp.STATUS_CODE.OP_UNSUPPORTED });
    await expect(client.exec("ls")).rejects.toThrow();
  });

  it("keeps its host key when it is given one", async () => {
    const hostKey = makeKeyPair().private;
    const options = { port: 0, root, users: [], hostKey };
    const first = await startSftpServer(options);
    await first.close();
    const second = await startSftpServer(options);
    await second.close();

    expect(second.hostKeyFingerprint).toBe(first.hostKeyFingerprint);
  });

  it("shows half a file when a fault says so, and the whole one afterwards", async () => {
    writeFileSync(join(root, "optout.csv"), "externalId\r\nc-1\r\n");
    server.faults.add({ on: "* *.csv", cutAt: 12 });

    const half = await client.read("/optout.csv");
    const { size } = await client.stat("/optout.csv");
    server.faults.remove();

    expect([half, size]).toEqual(["externalId\r\n", 12]);
    expect(await client.read("/optout.csv")).toBe("externalId\r\nc-1\r\n");
  });

  it("answers with the status a fault names, then works again", async () => {
    server.faults.add({ on: "OPENDIR /", times: 1, answer: { status: "PERMISSION_DENIED" } });

    await expect(client.list("/")).rejects.toMatchObject({ code: utils.sftp.STATUS_CODE.PERMISSION_DENIED });
    expect(await client.list("/")).toEqual([]);
  });

  it("drops the connection where a fault says so, and lets the client in again", async () => {
    writeFileSync(join(root, "a.csv"), "a");
    server.faults.add({ on: "READ *", times: 1, reset: "before" });

    await expect(client.read("/a.csv")).rejects.toThrow();
    client = await connect(configOf(server));

    expect(await client.read("/a.csv")).toBe("a");
  });

  it("turns a known key away where a fault says so", async () => {
    server.faults.add({ on: "AUTH campaign", answer: { status: "FAILURE" } });

    await expect(connect(configOf(server))).rejects.toThrow(/authentication/i);
  });

  it("refuses a fault that names an unknown operation, and says which field is wrong", () => {
    expect(() => server.faults.add({ on: "CHMOD *", delayMs: 1 })).toThrow(/on/);
  });
});
