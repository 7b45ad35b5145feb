// The whole product as real processes (infra/local/runtime.ts), filled and ready to be measured. It is spoken to as anybody could: Dynamics' API,
// app settings, the stand-ins' /_sim routes.

import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { applyRegistration, planRegistration } from "../../infra/dataverse/provision.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { type Editor, eventually, type Observer, observe, signIn } from "../../infra/local/people.js";
import type { LocalProcess } from "../../infra/local/processes.js";
import { type Runtime, startRuntime } from "../../infra/local/runtime.js";
import { inventContact } from "../../infra/local/scenarios/contacts.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";

/** What to start. */
export interface SystemOptions {
  contacts: number;
  /** App settings that differ from the local runtime's. */
  settings?: Record<string, string>;
}

/** A running product; the host does not run yet. */
export interface System {
  runtime: Runtime;
  observer: Observer;
  editor: Editor;
  /** Starts the host and, unless told otherwise, registers its webhook in Dynamics. Environment variables beside the settings may be given. */
  startHost(options?: { webhook?: boolean; env?: Record<string, string> }): Promise<LocalProcess>;
  /** GET of a stand-in's `/_sim/` route. */
  look(standIn: "campaign" | "dataverse" | "tables", route: string): Promise<unknown>;
  /** POST to one. */
  tell(standIn: "campaign" | "dataverse" | "tables", route: string, body: unknown): Promise<unknown>;
  /** Waits until Campaign holds that many profiles; answers when it was seen, in ms of `performance.now()`. */
  profilesReach(count: number, withinMs: number): Promise<number>;
  /** Waits until Campaign and the tables have been left alone for `ms`, apart from what the timers do. */
  calm(ms?: number): Promise<void>;
}

let systems = 0;

/** Starts a system, hands it to `measure`, and ends every process of it whatever happens. */
export async function withSystem<Answer>(
  { contacts, settings = {} }: SystemOptions,
  measure: (system: System) => Promise<Answer>,
): Promise<Answer> {
  systems += 1;
  const directory = join(tmpdir(), `dynamics-campaign-bench-${process.pid}-${systems}`);
  const runtime = await startRuntime({
    directory,
    ports: { host: 0, dataverse: 0, campaign: 0, bus: 0, busAdmin: 0, tables: 0, sftp: 0 },
    settings: { SWEEP_SCHEDULE: "*/1 * * * * *", ...settings },
    lockPeriodMs: 2_000,
    onUnexpectedEnd: (name, how) => console.error(`${name} ended by itself: ${how}`),
  });
  try {
    return await measure(await toSystem(runtime, contacts));
  } finally {
    await runtime.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function toSystem(runtime: Runtime, contacts: number): Promise<System> {
  const observer = observe(runtime.addresses);
  const page = 5_000;
  for (let first = 0; first < contacts; first += page) {
    const count = Math.min(page, contacts - first);
    await observer.seedContacts(Array.from({ length: count }, (_, index) => inventContact(first + index)));
  }
  const { addresses, settings } = runtime;
  const look: System["look"] = async (standIn, route) => asJson(await fetch(`${addresses[standIn]}/_sim/${route}`));
  const system: System = {
    runtime,
    observer,
    editor: await signIn({
      dataverse: addresses.dataverse,
      tenantId: String(settings.DYNAMICS_TENANT_ID),
      ...LOCAL_APPS.editor,
    }),
    async startHost({ webhook = true, env = {} } = {}) {
      const host = await runtime.startHost("host", env);
      if (webhook) await registerWebhook(runtime, host);
      return host;
    },
    look,
    tell: async (standIn, route, body) =>
      asJson(await fetch(`${addresses[standIn]}/_sim/${route}`, { method: "POST", body: JSON.stringify(body) })),
    profilesReach: (count, withinMs) =>
      eventually(
        `${count} profiles`,
        async () => ((await observer.profileCount()) >= count ? performance.now() : undefined),
        { withinMs, everyMs: 20 },
      ),
    async calm(ms = 2_500) {
      const written = async () => ((await look("campaign", "state/calls")) as { total: number }).total;
      let before = -1;
      for (let now = await written(); now !== before; now = await written()) {
        before = now;
        await sleep(ms);
      }
    },
  };
  return system;
}

async function registerWebhook({ settings }: Runtime, host: LocalProcess): Promise<void> {
  const http = makeHttpClient({ clock: systemClock, random: Math.random });
  const client = makeDynamicsClient(loadSettings({ ...settings }), http, systemClock);
  const webhook = {
    url: `${host.address}/api/ingress-webhook`,
    key: String(settings.LOCAL_FUNCTION_KEY),
    name: String(settings.OWN_TAG),
  };
  await applyRegistration(await planRegistration({ client, webhook, mappings: shippedMappings() }), () => {});
}

async function asJson(response: Response): Promise<unknown> {
  if (response.ok) return response.json();
  throw new Error(`${response.url} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
}
