// What any SFTP server must do for the exchange of files with Campaign (facts/campaign.md §9): held against our stand-in and, in
// test/openssh, against OpenSSH's own sftp-server.

import { createHash } from "node:crypto";
import { type ConnectConfig, utils } from "ssh2";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeKeyPair } from "../../../infra/local/sftp/keys.js";
import { connect, type SftpClient } from "./client.js";

/** A server under test. `base` is a folder of its own that the client may write to, as the client spells it. */
export interface ServerUnderTest {
  config: ConnectConfig;
  base: string;
  fingerprint: string;
  close(): Promise<void>;
}

const { NO_SUCH_FILE, FAILURE } = utils.sftp.STATUS_CODE;

/** Runs the suite against one server. */
export function describeSftpServer(name: string, start: () => Promise<ServerUnderTest>): void {
  describe(`${name} (facts/campaign.md §9)`, () => {
    let server: ServerUnderTest;
    let client: SftpClient;
    let folders = 0;
    let folder: string;

    beforeAll(async () => {
      server = await start();
      client = await connect(server.config);
    });
    afterAll(async () => {
      await client?.close();
      await server?.close();
    });
    beforeEach(async () => {
      folders += 1;
      folder = `${server.base}/case-${folders}`;
      await client.mkdir(folder);
    });

    it("shows the host key that its fingerprint names, so that a client can pin it", async () => {
      let shown = "";
      const pinned = await connect({
        ...server.config,
        hostVerifier: (key: Buffer) => {
          shown = `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
          return true;
        },
      });
      await pinned.close();

      expect(shown).toBe(server.fingerprint);
    });

    it("refuses a key it does not know", async () => {
      const stranger = makeKeyPair().private;

      await expect(connect({ ...server.config, privateKey: stranger })).rejects.toThrow(/authentication/i);
    });

    it("refuses a password", async () => {
      const { privateKey: _key, ...rest } = server.config;

      await expect(connect({ ...rest, password: "guess" })).rejects.toThrow(/authentication/i);
    });

    it("gives back what was written, byte for byte, also above the size of one packet", async () => {
      const text = `externalId,blackListEmail\r\n${"c-1,true\r\n".repeat(40_000)}é`;

      await client.write(`${folder}/optout.csv`, text);

      expect(await client.read(`${folder}/optout.csv`)).toBe(text);
      expect((await client.stat(`${folder}/optout.csv`)).size).toBe(Buffer.byteLength(text));
    });

    it("reads an empty file", async () => {
      await client.write(`${folder}/empty.csv`, "");

      expect(await client.read(`${folder}/empty.csv`)).toBe("");
    });

    it("lists the files and folders of a folder", async () => {
      await client.write(`${folder}/b.csv`, "b");
      await client.write(`${folder}/a.csv`, "a");
      await client.mkdir(`${folder}/archive`);

      expect(await client.list(folder)).toEqual(["a.csv", "archive", "b.csv"]);
    });

    it("says that a file or folder is not there", async () => {
      await expect(client.read(`${folder}/none.csv`)).rejects.toMatchObject({ code: NO_SUCH_FILE });
      await expect(client.stat(`${folder}/none.csv`)).rejects.toMatchObject({ code: NO_SUCH_FILE });
      await expect(client.list(`${folder}/none`)).rejects.toMatchObject({ code: NO_SUCH_FILE });
      await expect(client.remove(`${folder}/none.csv`)).rejects.toMatchObject({ code: NO_SUCH_FILE });
    });

    it("moves a file into another folder, as an archive wants it", async () => {
      await client.write(`${folder}/optout.csv`, "a");
      await client.mkdir(`${folder}/archive`);

      await client.rename(`${folder}/optout.csv`, `${folder}/archive/optout.csv`);

      expect(await client.list(folder)).toEqual(["archive"]);
      expect(await client.read(`${folder}/archive/optout.csv`)).toBe("a");
    });

    it("does not rename over a file that is there", async () => {
      await client.write(`${folder}/new.csv`, "new");
      await client.write(`${folder}/old.csv`, "old");

      await expect(client.rename(`${folder}/new.csv`, `${folder}/old.csv`)).rejects.toMatchObject({ code: FAILURE });
      expect(await client.read(`${folder}/old.csv`)).toBe("old");
    });

    it("writes a file that must not exist once only", async () => {
      await client.write(`${folder}/lock`, "1", "wx");

      await expect(client.write(`${folder}/lock`, "2", "wx")).rejects.toMatchObject({ code: FAILURE });
    });

    it("appends to what is there, and replaces it when told to", async () => {
      await client.write(`${folder}/log`, "one");
      await client.write(`${folder}/log`, "two", "a");
      const appended = await client.read(`${folder}/log`);
      await client.write(`${folder}/log`, "3");

      expect([appended, await client.read(`${folder}/log`)]).toEqual(["onetwo", "3"]);
    });

    it("removes files and empty folders, and keeps a folder that holds something", async () => {
      await client.mkdir(`${folder}/full`);
      await client.write(`${folder}/full/a.csv`, "a");

      await expect(client.rmdir(`${folder}/full`)).rejects.toMatchObject({ code: FAILURE });
      await client.remove(`${folder}/full/a.csv`);
      await client.rmdir(`${folder}/full`);

      expect(await client.list(folder)).toEqual([]);
    });

    it("does not make a folder twice", async () => {
      await expect(client.mkdir(folder)).rejects.toMatchObject({ code: FAILURE });
    });

    it("resolves a path with dots, and none that leads through a folder that is not there", async () => {
      await client.mkdir(`${folder}/x`);

      expect(await client.realpath(`${folder}/x/../.`)).toBe(folder);
      await expect(client.realpath(`${folder}/none/../.`)).rejects.toMatchObject({ code: NO_SUCH_FILE });
    });

    it("lists a folder of many files, every one once", async () => {
      const names = Array.from({ length: 350 }, (_, number) => `optout_${String(number).padStart(4, "0")}.csv`);
      for (const name of names) await client.write(`${folder}/${name}`, "");

      expect(await client.list(folder)).toEqual(names);
    });

    it("changes a file's size and mode, by path, and not only in its answer", async () => {
      await client.write(`${folder}/log`, "one two");

      await client.truncate(`${folder}/log`, 3);
      await client.chmod(`${folder}/log`, 0o600);

      expect(await client.read(`${folder}/log`)).toBe("one");
      expect((await client.stat(`${folder}/log`)).mode & 0o777).toBe(0o600);
    });

    it("ends a channel whose client says no more", async () => {
      await client.sayNoMore();

      expect(await client.list(folder)).toEqual([]);
    });

    it("serves several clients at once", async () => {
      const second = await connect(server.config);
      await client.write(`${folder}/shared.csv`, "a");

      const read = await second.read(`${folder}/shared.csv`);
      await second.close();

      expect(read).toBe("a");
    });
  });
}
