// OpenSSH's own server on this machine, for `npm run test:openssh`. Needs Debian's openssh-server.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { connect as connectTcp, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fingerprintOf, type KeyPair, makeKeyPair } from "../../infra/local/sftp/keys.js";
import type { ServerUnderTest } from "../conformance/sftp/sftp.contract.js";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Starts it for one user, this process's, who logs in with `key`. */
export async function startOpenSsh(key: KeyPair = makeKeyPair()): Promise<ServerUnderTest> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "openssh-")));
  const hostKey = makeKeyPair();
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
  return {
    config: { host: "127.0.0.1", port, username: userInfo().username, privateKey: key.private },
    base,
    fingerprint: fingerprintOf(hostKey.private),
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
