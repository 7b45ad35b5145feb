// The SFTP stand-in as a process (README.md).

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { announceReady, closeOnSignal } from "../child.js";
import { startSftpServer } from "./start-sftp-server.js";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "2222" },
    root: { type: "string" },
    user: { type: "string" },
    "public-key": { type: "string" },
    "host-key": { type: "string" },
    faults: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const { root, user, "public-key": publicKey, "host-key": hostKey } = values;
if (root === undefined || user === undefined || publicKey === undefined) {
  console.error("usage: main.ts --root DIR --user NAME --public-key FILE [--port N] [--host-key FILE] [--faults FILE]");
  process.exit(2);
}

const server = await startSftpServer({
  port: Number(values.port),
  root,
  users: [{ name: user, publicKey: readFileSync(publicKey, "utf8") }],
  ...(hostKey !== undefined && { hostKey: readFileSync(hostKey, "utf8") }),
  seed: Number(values.seed),
});
if (values.faults !== undefined) server.faults.add(JSON.parse(readFileSync(values.faults, "utf8")));
console.log(`host key ${server.hostKeyFingerprint}`);
closeOnSignal(() => server.close());
announceReady("sftp", `sftp://${user}@127.0.0.1:${server.port}/`);
