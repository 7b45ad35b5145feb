// The SFTP server as a process: `node --import tsx infra/local/sftp/main.ts --root DIR --user NAME --public-key FILE` (README.md).

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { announceReady, closeOnSignal } from "../child.js";
import { startSftpAdmin } from "./admin-server.js";
import { keepHostKey } from "./keys.js";
import { startSftpServer } from "./sftp-server.js";

const usage =
  "usage: main.ts --root DIR --user NAME --public-key FILE [--port N] [--host-key FILE] [--admin-port N] [--seed N]";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "7022" },
    root: { type: "string" },
    user: { type: "string" },
    "public-key": { type: "string" },
    "host-key": { type: "string" },
    "admin-port": { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const { root, user, "public-key": publicKey } = values;
if (root === undefined || user === undefined || publicKey === undefined) {
  console.error(usage);
  process.exit(2);
}

const server = await startSftpServer({
  port: Number(values.port),
  root,
  users: [{ name: user, publicKey: readFileSync(publicKey, "utf8") }],
  hostKey: keepHostKey(values["host-key"]),
  seed: Number(values.seed),
});
const adminPort = values["admin-port"];
const admin = adminPort === undefined ? undefined : await startSftpAdmin(server, Number(adminPort));
if (admin !== undefined) console.log(`sftp admin at ${admin.url}`);
console.log(`sftp host key ${server.hostKeyFingerprint}`);

closeOnSignal(async () => {
  await admin?.close();
  await server.close();
});
announceReady("sftp", `sftp://${user}@127.0.0.1:${server.port}`);
