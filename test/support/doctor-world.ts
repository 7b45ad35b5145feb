// Both simulators over HTTP, and the doctor's checks asked of them, for tests: what is wrong with them each test makes by hand.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WebhookTarget } from "../../infra/dataverse/desired.js";
import { applyRegistration, planRegistration } from "../../infra/dataverse/provision.js";
import { type Area, areas } from "../../infra/doctor/check.js";
import { checksOf, type DoctorOptions } from "../../infra/doctor/doctor.js";
import { type Checked, runChecks } from "../../infra/doctor/run-checks.js";
import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import type { InstanceConfiguration } from "../../infra/local/campaign/model/instance.js";
import { makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { startSimulator } from "../../infra/local/sim/start-simulator.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { deployer, deployerClient, giveLeastRole } from "./least-role.js";

/** The registration of a sound environment. */
export const soundWebhook: WebhookTarget = {
  url: "https://app.example.com/api/ingress-webhook",
  key: "key",
  name: "acs-sync",
};

/** What a test asks for; all else is as in a sound environment before its deployment. */
export type Asked = Partial<Omit<DoctorOptions, "environment" | "only">> & {
  only?: Area;
  /** Settings that differ. */
  settings?: Readonly<Record<string, string>>;
};

/** A Dynamics and a Campaign. */
export interface DoctorWorld {
  readonly environment: Readonly<Record<string, string>>;
  /** What the checks found, by `area: name`. */
  diagnose(asked?: Asked): Promise<ReadonlyMap<string, Checked>>;
  /** As somebody at work who may do everything: changes rows and definitions. */
  readonly administrator: DataverseClient;
  /** Registers the webhook, and gives the app's user the role with the least privileges and no other, as a deployment does. */
  provision(webhook?: WebhookTarget): Promise<void>;
  /** A command of a simulator: `sim("campaign", "settings", { … })`. */
  sim(which: "dataverse" | "campaign", command: string, body: unknown): Promise<void>;
  /** Everything a simulator holds of a set. */
  state(which: "dataverse" | "campaign", set: string): Promise<unknown>;
  forgetRequests(which: "dataverse" | "campaign"): Promise<void>;
  /** Requests since then that may change something, but for tokens. */
  writes(which: "dataverse" | "campaign"): Promise<string[]>;
  /** Mapping documents as files. */
  files(documents: readonly unknown[]): string[];
  close(): Promise<void>;
}

/** Starts both on free ports. */
export async function startDoctorWorld(campaign?: InstanceConfiguration): Promise<DoctorWorld> {
  const dynamics = await startSimulator({ name: "dataverse", core: (world) => makeDataverseCore(world), port: 0 });
  const instance = await startSimulator({
    name: "campaign",
    core: (world) => makeCampaignCore(world, campaign ? { configuration: campaign } : {}),
    port: 0,
  });
  const urls = { dataverse: dynamics.url, campaign: instance.url };
  const folder = mkdtempSync(join(tmpdir(), "doctor-"));
  const environment = {
    RUNTIME: "local",
    DYNAMICS_URL: dynamics.url,
    DYNAMICS_AUTHORITY: dynamics.url,
    DYNAMICS_AUTH: "client-secret",
    DYNAMICS_TENANT_ID: WELL_KNOWN.tenant,
    // The app's own user may not look at everything.
    ...deployer,
    CAMPAIGN_URL: instance.url,
    CAMPAIGN_IMS_URL: instance.url,
    CAMPAIGN_TENANT: "acme",
    CAMPAIGN_CLIENT_ID: "local-client",
    CAMPAIGN_CLIENT_SECRET: "local-secret",
    CAMPAIGN_CALL_SECONDS: "5",
    EVENTS_WORKFLOWS: "stageEmailEvents",
  };
  const administrator = deployerClient(dynamics.url);

  return {
    environment,
    administrator,
    async provision(webhook) {
      const mappings = shippedMappings();
      const { url, key, name } = { ...soundWebhook, ...webhook };
      const registration = await planRegistration({ client: administrator, webhook: { url, key, name }, mappings });
      await applyRegistration(registration, () => {});
      await giveLeastRole(administrator, environment);
    },
    async diagnose({ only, settings = {}, ...asked } = {}) {
      const checks = checksOf({
        environment: { ...environment, ...settings },
        only: new Set(only ? [only] : areas),
        url: undefined,
        mappings: [],
        language: 1033,
        name: "acs-sync",
        clientId: LOCAL_APPS.integration.clientId,
        canary: false,
        ownVersion: "0.1.0",
        ...asked,
      });
      const checked = await runChecks(checks);
      return new Map(checked.map((check) => [`${check.area}: ${check.name}`, check]));
    },
    async sim(which, command, body) {
      const response = await fetch(`${urls[which]}/_sim/${command}`, { method: "POST", body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`${command}: ${await response.text()}`);
    },
    state: async (which, set) => (await fetch(`${urls[which]}/_sim/state/${set}`)).json(),
    forgetRequests: async (which) => void (await fetch(`${urls[which]}/_sim/requests`, { method: "DELETE" })),
    async writes(which) {
      const answer = await (await fetch(`${urls[which]}/_sim/requests?limit=1000`)).json();
      const { requests } = answer as { requests: { method: string; path: string }[] };
      return requests
        .filter(({ method, path }) => method !== "GET" && !path.includes("/token"))
        .map(({ method, path }) => `${method} ${path}`);
    },
    files: (documents) =>
      documents.map((document, index) => {
        const file = join(folder, `${index}.json`);
        writeFileSync(file, JSON.stringify(document));
        return file;
      }),
    async close() {
      await Promise.all([dynamics.close(), instance.close()]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** The findings that are not as they should be, each as `verdict: what was seen → fix`. */
export function troubles(found: ReadonlyMap<string, Checked>, name?: string): string[] {
  return [...found].flatMap(([label, { findings }]) =>
    name !== undefined && label !== name
      ? []
      : findings.flatMap((finding) =>
          "fix" in finding ? [`${finding.verdict}: ${finding.seen} → ${finding.fix}`] : [],
        ),
  );
}

/** What a check saw, all in one text. */
export function seenBy(found: ReadonlyMap<string, Checked>, name: string): string {
  const check = found.get(name);
  return check ? `${check.verdict}: ${check.findings.map(({ seen }) => seen).join("; ")}` : "not asked";
}
