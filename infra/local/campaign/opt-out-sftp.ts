// The Campaign SFTP (facts/campaign.md §9) as an option of the simulator's process: the server of ../sftp/ over the folder that the
// daily opt-out file is written to. What the file holds is in events/opt-out-file.ts.

import { readFileSync } from "node:fs";
import { startSftpAdmin } from "../sftp/admin-server.js";
import { keepHostKey } from "../sftp/keys.js";
import { startSftpServer } from "../sftp/sftp-server.js";

/** Options of the command line, README.md. */
export const sftpOptions = {
  "sftp-port": { type: "string" },
  "sftp-root": { type: "string" },
  "sftp-user": { type: "string" },
  "sftp-public-key": { type: "string" },
  "sftp-host-key": { type: "string" },
  "sftp-admin-port": { type: "string" },
} as const;

type SftpValues = { [name in keyof typeof sftpOptions]?: string | undefined } & { seed: string };

/** The folder to serve, undefined when no SFTP is wanted. Throws when only a part of what SFTP needs is there. */
export function sftpRoot(values: SftpValues): string | undefined {
  const given = (["sftp-port", "sftp-root", "sftp-user", "sftp-public-key"] as const).filter((name) => values[name]);
  if (given.length > 0 && given.length < 4) {
    throw new Error("SFTP needs all of --sftp-port, --sftp-root, --sftp-user, --sftp-public-key");
  }
  return values["sftp-root"];
}

/** Starts the SFTP server over `root`, and prints its address and the fingerprint of its host key. */
export async function startOptOutSftp(values: SftpValues, root: string): Promise<{ close(): Promise<void> }> {
  const name = values["sftp-user"] ?? "";
  const server = await startSftpServer({
    port: Number(values["sftp-port"]),
    root,
    users: [{ name, publicKey: readFileSync(values["sftp-public-key"] ?? "", "utf8") }],
    hostKey: keepHostKey(values["sftp-host-key"]),
    seed: Number(values.seed),
  });
  const adminPort = values["sftp-admin-port"];
  const admin = adminPort === undefined ? undefined : await startSftpAdmin(server, Number(adminPort));
  if (admin !== undefined) console.log(`campaign sftp admin at ${admin.url}`);
  console.log(`campaign sftp at sftp://${name}@127.0.0.1:${server.port} host key ${server.hostKeyFingerprint}`);
  return {
    async close() {
      await admin?.close();
      await server.close();
    },
  };
}
