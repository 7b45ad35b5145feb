import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { KeyPair } from "../../infra/local/sftp/keys.js";
import { makeEventFiles } from "../../shared/campaign/event-files.js";
import { defaultEventFields } from "../../shared/campaign/event-row.js";
import { openSftp } from "../../shared/sftp/sftp-session.js";
import { fixedClock } from "../support/fixed-clock.js";
import { startOpenSsh } from "./start-openssh.js";

/** A pair as an administrator makes it. */
function keygen(...options: string[]): KeyPair {
  const file = join(mkdtempSync(join(tmpdir(), "keygen-")), "key");
  execFileSync("ssh-keygen", ["-q", "-N", "", "-f", file, ...options]);
  return { private: readFileSync(file, "utf8"), public: readFileSync(`${file}.pub`, "utf8") };
}

describe("files of events on OpenSSH's server", () => {
  it.each([
    ["an Ed25519 key", ["-t", "ed25519"]],
    ["an RSA key", ["-t", "rsa", "-b", "3072"]],
    ["an RSA key in PEM", ["-t", "rsa", "-b", "3072", "-m", "PEM"]],
  ])("are read and put away, beside an earlier one of the same name, by a login with %s", async (_kind, options) => {
    const key = keygen(...options);
    const server = await startOpenSsh(key);
    const folder = join(server.base, "events");
    mkdirSync(join(folder, "done"), { recursive: true });
    writeFileSync(join(folder, "done", "a.csv"), "an earlier one");
    writeFileSync(join(folder, "a.csv"), "eventId,eventType,eventDate,externalId\nS-1,send,2026-03-01 10:00:00,c-1\n");
    const clock = fixedClock(new Date(Date.now() + 3_600_000).toISOString());
    const { host = "", port = 22, username: user = "" } = server.config;
    const source = makeEventFiles({
      open: () => openSftp({ host, port, user, key: key.private, hostKey: server.fingerprint, timeoutMs: 5_000 }),
      folder,
      name: /\.csv$/,
      settledMs: 1_000,
      fields: defaultEventFields,
      clock,
    });

    const page = await source.readEvents("", undefined, 10);
    await source.acknowledge(page.receipt ?? "");
    source.close();
    await server.close();

    expect(page.events.map(({ id }) => id)).toEqual(["S-1"]);
    expect(readdirSync(join(folder, "done")).sort()).toEqual(["a.csv", "a.csv.2"]);
  });
});
