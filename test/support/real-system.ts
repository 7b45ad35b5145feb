// The local runtime with the linked tables of docs/examples and two Functions hosts, for histories with real processes: what may be done to it from
// outside. What happens to it is real-history.ts and real-faults.ts, what must hold real-rules.ts.

import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { makeOperator, type Operator } from "../../infra/local/operator.js";
import { type Editor, eventually, type Observer, observe, signIn } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { registerInForce } from "../../infra/local/register.js";
import { type Runtime, startRuntime } from "../../infra/local/runtime.js";
import { campaignInstance } from "../../infra/local/scenarios/acme/campaign-instance.js";
import { defineAcmeTables } from "../../infra/local/scenarios/acme/dynamics-tables.js";
import { localDocumentsOf } from "../../infra/local/scenarios/acme/mappings.js";
import { openState, type State } from "../../infra/local/state.js";

/** Names of the hosts; the first one takes the webhook. */
export const hostNames = ["host", "host-2"] as const;
export type HostName = (typeof hostNames)[number];

/** The running system. */
export interface RealSystem {
  runtime: Runtime;
  observer: Observer;
  editor: Editor;
  /** Speaks to a host that lives. */
  operator: Operator;
  state: State;
  /** `kill -9`, and a new start. Answers when it works again. */
  killAndRestart(host: HostName): Promise<void>;
  /** Messages on `changes`: to be delivered now, and later. */
  waiting(): Promise<{ active: number; scheduled: number }>;
  /** Log lines of the hosts that name one of these ids, the last ones of each. */
  linesAbout(ids: readonly string[]): string[];
  stop(): Promise<void>;
}

/** Starts everything, publishes the first edition of all mappings, registers the webhook, and waits for the (empty) loads. */
export async function startRealSystem(): Promise<RealSystem> {
  const runtime = await startRuntime({
    directory: join(tmpdir(), `dynamics-campaign-histories-${process.pid}`),
    ports: { host: 0, dataverse: 0, campaign: 0, bus: 0, busAdmin: 0, tables: 0, sftp: 0 },
    settings: { SWEEP_SCHEDULE: "*/1 * * * * *", CAMPAIGN_CALL_SECONDS: "2", CAMPAIGN_RATE_CALLS: "50" },
    campaignInstance,
    lockPeriodMs: 1_000,
  });
  const { addresses, settings } = runtime;
  const observer = observe(addresses);
  const editor = await signIn({
    dataverse: addresses.dataverse,
    tenantId: String(settings.DYNAMICS_TENANT_ID),
    ...LOCAL_APPS.editor,
  });
  await defineAcmeTables(async (method, path, body) => void (await editor.send(method, path, body)));
  const state = openState(String(settings.TABLES));

  const hosts = new Map<HostName, LocalProcess>();
  const startHost = async (name: HostName): Promise<void> => void hosts.set(name, await runtime.startHost(name));
  for (const name of hostNames) await startHost(name);
  const key = String(settings.LOCAL_FUNCTION_KEY);
  const living = (): string => {
    const [host] = hosts.values();
    if (!host) throw new Error("no host lives");
    return host.address;
  };
  const operator = makeOperator(living, key);
  await operator.publish(localDocumentsOf("first"), "histories");
  const webhook = { url: `${addresses.host}/api/ingress-webhook`, key, name: "acs-sync" };
  await registerInForce(settings, operator, { webhook });
  await eventually("the loads of all tables", async () => {
    const { tables } = (await operator.send("GET", "/status")) as { tables: { fullRead?: { phase: string } }[] };
    return tables.every(({ fullRead }) => fullRead?.phase === "done") || undefined;
  });

  return {
    runtime,
    observer,
    editor,
    operator,
    state,
    async killAndRestart(name) {
      await hosts.get(name)?.kill();
      hosts.delete(name);
      await startHost(name);
    },
    async waiting() {
      const queues = (await (await fetch(`${addresses.busAdmin}/_sim/state/queues`)).json()) as QueueCounts[];
      const changes = queues.find(({ name }) => name === "changes");
      return { active: changes?.active ?? 0, scheduled: changes?.scheduled ?? 0 };
    },
    linesAbout(ids) {
      const files = readdirSync(runtime.logDirectory).filter((file) => file.startsWith("host"));
      return files.flatMap((file) => {
        const lines = readFileSync(join(runtime.logDirectory, file), "utf8").split("\n");
        const about = lines.filter((line) => ids.some((id) => line.includes(id)));
        return about.slice(-30).map((line) => `${file}: ${line.slice(0, 400)}`);
      });
    },
    stop: () => runtime.stop(),
  };
}

interface QueueCounts {
  name: string;
  active: number;
  scheduled: number;
}
