// The local runtime with a scenario in it, for system tests: real processes, real sockets, the shipped bundle.

import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyRegistration, planRegistration } from "../../infra/dataverse/provision.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { judge } from "../../infra/local/main-job.js";
import { type Editor, eventually, type Observer, observe, signIn } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { type Runtime, startRuntime } from "../../infra/local/runtime.js";
import { inventContact } from "../../infra/local/scenarios/contacts.js";
import { openState, type State } from "../../infra/local/state.js";
import { UnavailableError } from "../../shared/errors.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";

/** A runtime with contacts in Dynamics; no host runs yet. */
export interface SmallSystem {
  runtime: Runtime;
  observer: Observer;
  editor: Editor;
  state: State;
  /** Starts a Functions host. */
  startHost(name?: string, settings?: Record<string, string>): Promise<LocalProcess>;
  /** Registers the webhook of a running host; `key`: what Dynamics is to show, else the host's own key. */
  register(host: LocalProcess, key?: string): Promise<void>;
  /** Waits until both systems agree; throws with the differences left. */
  agree(withinMs?: number): Promise<void>;
  /** Codes of the failures there ever were. */
  failures(): Promise<string[]>;
  /** All log lines of all processes so far, or of one. */
  logs(): string;
  log(file: string): string;
  stop(): Promise<void>;
}

let systems = 0;

/** Starts bus, tables and simulators on free ports, with `contacts` invented contacts in Dynamics. */
export async function startSmallSystem(
  contacts: number,
  settings: Record<string, string> = {},
  lockPeriodMs = 2_000,
): Promise<SmallSystem> {
  systems += 1;
  const runtime = await startRuntime({
    directory: join(tmpdir(), `dynamics-campaign-${process.pid}-${systems}`),
    ports: { host: 0, dataverse: 0, campaign: 0, bus: 0, busAdmin: 0, tables: 0, sftp: 0 },
    settings: { SWEEP_SCHEDULE: "*/1 * * * * *", ...settings },
    lockPeriodMs,
  });
  const observer = observe(runtime.addresses);
  await observer.seedContacts(Array.from({ length: contacts }, (_, number) => inventContact(number)));
  const editor = await signIn({
    dataverse: runtime.addresses.dataverse,
    tenantId: String(runtime.settings.DYNAMICS_TENANT_ID),
    ...LOCAL_APPS.editor,
  });
  const state = openState(String(runtime.settings.TABLES));
  const stage = { observer, editor, state, say: () => {}, progress: () => {} };

  return {
    runtime,
    observer,
    editor,
    state,
    startHost: (name, settings) => runtime.startHost(name, settings),
    async register(host, key = String(runtime.settings.LOCAL_FUNCTION_KEY)) {
      const http = makeHttpClient({ clock: systemClock, random: Math.random });
      const client = makeDynamicsClient(loadSettings(runtime.settings), http, systemClock);
      const webhook = { url: `${host.address}/api/ingress-webhook`, key, name: "acs-sync" };
      await applyRegistration(await planRegistration({ client, webhook, mappings: shippedMappings() }), () => {});
    },
    async agree(withinMs = 120_000) {
      let last = "";
      const once = async () => {
        // The first host makes the tables.
        const verdict = await judge(stage).catch((error: unknown) => {
          if (error instanceof UnavailableError) return undefined;
          throw error;
        });
        if (!verdict) return undefined;
        const { agree, differences } = verdict;
        last = differences
          .slice(0, 5)
          .map(({ id, what }) => `${id}: ${what}`)
          .join("\n");
        return agree ? true : undefined;
      };
      await eventually("both systems to agree", once, { withinMs, everyMs: 300 }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${last}`);
      });
    },
    async failures() {
      const codes: string[] = [];
      for await (const { code } of state.failures.list()) codes.push(code);
      return codes;
    },
    logs() {
      const files = readdirSync(runtime.logDirectory);
      return files.map((file) => readFileSync(join(runtime.logDirectory, file), "utf8")).join("\n");
    },
    log: (file) => readFileSync(join(runtime.logDirectory, file), "utf8"),
    stop: () => runtime.stop(),
  };
}
