// The Campaign simulator as a process: `node --import tsx infra/local/campaign/main.ts --port 7082 [--data DIR] …` (README.md).

import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { announceReady, closeOnSignal } from "../child.js";
import { type SftpServer, startSftpServer } from "../sftp/start-sftp-server.js";
import { startSimulator } from "../sim/start-simulator.js";
import { type CampaignOptions, makeCampaignCore } from "./core.js";
import { instanceSchema } from "./model/instance.js";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "7082" },
    data: { type: "string" },
    settings: { type: "string" },
    resources: { type: "string" },
    seed: { type: "string", default: "1" },
    latency: { type: "string", default: "0" },
    "sftp-port": { type: "string" },
    "sftp-user": { type: "string", default: "campaign" },
    "sftp-public-key": { type: "string" },
    "sftp-host-key": { type: "string" },
  },
});

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** The instance's SFTP account, where one is asked for: files of opt-outs and events land in its folders. */
async function startSftp(): Promise<{ server: SftpServer; root: string } | undefined> {
  const { "sftp-port": port, "sftp-public-key": keyFile, "sftp-user": name, "sftp-host-key": hostKey } = values;
  if (port === undefined) return undefined;
  if (keyFile === undefined) throw new Error("--sftp-port wants --sftp-public-key FILE: the key that may log in");
  const root = values.data === undefined ? mkdtempSync(join(tmpdir(), "campaign-sftp-")) : join(values.data, "sftp");
  for (const folder of ["exports", "events"]) mkdirSync(join(root, "d365_loads", folder), { recursive: true });
  const server = await startSftpServer({
    port: Number(port),
    root,
    users: [{ name, publicKey: readFileSync(keyFile, "utf8") }],
    ...(hostKey !== undefined && { hostKey: readFileSync(hostKey, "utf8") }),
  });
  return { server, root };
}

const sftp = await startSftp();
const settings = {
  ...(sftp && { optOutFolder: sftp.root, eventFolder: sftp.root }),
  ...(values.settings !== undefined && (readJson(values.settings) as Record<string, unknown>)),
};
const options: CampaignOptions = {
  settings,
  ...(values.data !== undefined && { dataFolder: values.data }),
  ...(values.resources !== undefined && { configuration: instanceSchema.parse(readJson(values.resources)) }),
};
const simulator = await startSimulator({
  name: "campaign",
  core: (world) => makeCampaignCore(world, options),
  port: Number(values.port),
  seed: Number(values.seed),
  latencyMs: Number(values.latency),
});
if (sftp) console.log(`sftp at 127.0.0.1:${sftp.server.port}, host key ${sftp.server.hostKeyFingerprint}`);
closeOnSignal(async () => {
  await sftp?.server.close();
  await simulator.close();
});
announceReady("campaign", simulator.url);
