// The suite of the SFTP stand-in against OpenSSH's own sftp-server, so that the stand-in cannot drift from the real thing.
// Needs Debian's openssh-server; run by `npm run test:openssh`.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { connect as connectTcp, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { utils } from "ssh2";
import { makeKeyPair } from "../../infra/local/sftp/keys.js";
import { describeSftpServer, type ServerUnderTest } from "../conformance/sftp/sftp.contract.js";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function startOpenSsh(): Promise<ServerUnderTest> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "openssh-")));
  const [hostKey, key] = [makeKeyPair(), makeKeyPair()];
  const keep = (name: string, text: string): string => {
    const file = join(directory, name);
    writeFileSync(file, `${text.trim()}\n`);
    chmodSync(file, 0o600);
    return file;
  };
  const port = await freePort();
  const config = keep(
    "sshd_config",
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${keep("host_key", hostKey.private)}`,
      `AuthorizedKeysFile ${keep("authorized_keys", key.public)}`,
      "StrictModes no",
      "PermitRootLogin prohibit-password",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "UsePAM no",
      "PidFile none",
      "Subsystem sftp /usr/lib/openssh/sftp-server",
    ].join("\n"),
  );
  // sshd wants its own empty folder when it runs as root.
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
  const sshd = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", "pipe"] });
  await listening(sshd, port);

  const base = join(directory, "d365_loads");
  mkdirSync(base);
  const parsed = utils.parseKey(hostKey.private);
  if (parsed instanceof Error) throw parsed;
  const hash = createHash("sha256").update(parsed.getPublicSSH()).digest("base64").replace(/=+$/, "");
  return {
    config: { host: "127.0.0.1", port, username: userInfo().username, privateKey: key.private },
    base,
    fingerprint: `SHA256:${hash}`,
    async close() {
      sshd.kill();
      await once(sshd, "exit");
    },
  };
}

async function listening(sshd: ChildProcess, port: number): Promise<void> {
  let said = "";
  sshd.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString("utf8");
  });
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (sshd.exitCode !== null) throw new Error(`sshd ended: ${said}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connectTcp(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`sshd does not listen: ${said}`);
}

describeSftpServer("OpenSSH's sftp-server", startOpenSsh);
