// A Dynamics simulator over HTTP that is provisioned by a System Administrator, for tests: everything there must be, made, looked at and counted.

import { applyEnvironment, planEnvironment, planEnvironmentRemoval } from "../../infra/dataverse/environment.js";
import { type CommandOptions, parseOptions } from "../../infra/dataverse/options.js";
import type { Part } from "../../infra/dataverse/part.js";
import { planLines } from "../../infra/dataverse/print-plan.js";
import { applyRegistration } from "../../infra/dataverse/provision.js";
import { makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { type DataverseOptions, LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { startSimulator } from "../../infra/local/sim/start-simulator.js";
import { activityTables } from "../../shared/dataverse/activity-tables.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { makeHttpClient } from "../../shared/http/client.js";
import type { TableMapping } from "../../shared/mapping/table-mapping.js";
import type { EventType } from "../../shared/model/email-event.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { aMappingDocument, validated } from "./mappings.js";

/** The app's user in the simulator. */
export const appUser = LOCAL_APPS.integration;

/** Settings of the app, as far as provisioning looks at them. */
export function egressOf(types: readonly EventType[] = [], tasks: readonly EventType[] = []) {
  return {
    egress: {
      types: new Set(types),
      tasks: new Set(tasks),
      prefix: "acs",
      tables: {},
      schedule: "0 * * * * *",
      checksSchedule: "0 0 * * * *",
    },
  };
}

/** Options as the command line reads them, `plan` unless said otherwise, with the keys set. */
export function optionsOf(...args: string[]): CommandOptions {
  return parseOptions(["apply", ...args], { WEBHOOK_KEY: "a-key", BUS_SAS_KEY: "another-key" });
}

/** Everything that can be asked for. */
export const everything = [
  ...["--url", "https://app.example.com/api/ingress-webhook", "--app-user", appUser.clientId],
  ...["--bus-namespace", "sb://contoso.servicebus.windows.net/", "--sas-name", "dynamics"],
];

/** One simulator, and what a System Administrator does there. */
export interface ProvisionedWorld {
  url: string;
  administrator: DataverseClient;
  /** A client of the app's user. */
  app: DataverseClient;
  plan(options?: Partial<Asked>): Promise<Part[]>;
  apply(options?: Partial<Asked>): Promise<void>;
  remove(...args: string[]): Promise<void>;
  lines(options?: Partial<Asked>): Promise<string[]>;
  rows(path: string): Promise<Record<string, unknown>[]>;
  call(method: "POST" | "PATCH" | "PUT" | "DELETE", path: string, body?: Record<string, unknown>): Promise<void>;
  sim(command: string, body: unknown): Promise<void>;
  /** Takes System Administrator from the app's user. */
  takeAdministrator(): Promise<void>;
  forgetRequests(): Promise<void>;
  /** Requests since then, but for tokens, as `POST /api/data/v9.2/roles`. */
  requests(): Promise<string[]>;
  /** The administrator's process is killed when the `count`-th request from now on has been carried out; undefined: it lives again. */
  killAfter(count: number | undefined): void;
  close(): Promise<void>;
}

/** What to provision. */
export interface Asked {
  mappings: readonly TableMapping[];
  settings: ReturnType<typeof egressOf>;
  args: readonly string[];
}

/** Starts one. */
export async function startProvisionedWorld(switches: DataverseOptions["switches"] = {}): Promise<ProvisionedWorld> {
  const simulator = await startSimulator({
    name: "dataverse",
    core: (world) => makeDataverseCore(world, { switches }),
    port: 0,
  });
  const { url } = simulator;
  const http = makeHttpClient({ clock: systemClock, random: Math.random });
  const clientOf = (app: { clientId: string; clientSecret: string }): DataverseClient => {
    const dynamics = {
      url: new URL(url),
      auth: { by: "client-secret", authority: new URL(url), tenantId: WELL_KNOWN.tenant, ...app } as const,
    };
    return makeDynamicsClient({ dynamics }, http, systemClock);
  };
  const mortal = makeMortal(clientOf(LOCAL_APPS.editor));
  const administrator = mortal.client;
  const environment = (settings: Asked["settings"]) => ({ client: administrator, clock: systemClock, settings });
  const plan: ProvisionedWorld["plan"] = ({
    mappings = [validated(aMappingDocument())],
    settings = egressOf(["click"], ["click"]),
    args = everything,
  } = {}) => planEnvironment(environment(settings), mappings, optionsOf(...args));

  return {
    url,
    administrator,
    app: clientOf(appUser),
    plan,
    apply: async (options) => applyEnvironment(await plan(options), () => {}),
    async remove(...args) {
      const options = parseOptions(["remove", ...args], {});
      await applyRegistration(await planEnvironmentRemoval(environment(egressOf()), options), () => {});
    },
    lines: async (options) => planLines(await plan(options)),
    rows: async (path) =>
      ((await administrator.json({ operation: "look", path })) as { value: Record<string, unknown>[] }).value,
    async call(method, path, body) {
      await administrator.call({ operation: "by hand", method, path, ...(body && { body }) });
    },
    async sim(command, body) {
      const response = await fetch(`${url}/_sim/${command}`, { method: "POST", body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`${command}: ${await response.text()}`);
    },
    async takeAdministrator() {
      const path = `systemusers(${appUser.userId})/systemuserroles_association(${WELL_KNOWN.administratorRole})/$ref`;
      await administrator.call({ operation: "take System Administrator away", method: "DELETE", path });
    },
    forgetRequests: async () => void (await fetch(`${url}/_sim/requests`, { method: "DELETE" })),
    async requests() {
      const answer = await (await fetch(`${url}/_sim/requests?limit=1000`)).json();
      const { requests } = answer as { requests: { method: string; path: string }[] };
      return requests.filter(({ path }) => !path.includes("/token")).map(({ method, path }) => `${method} ${path}`);
    },
    killAfter: mortal.killAfter,
    close: () => simulator.close(),
  };
}

/** What the administrator's requests throw when it is dead. */
export class Killed extends Error {}

function makeMortal(through: DataverseClient): {
  client: DataverseClient;
  killAfter: ProvisionedWorld["killAfter"];
} {
  let left = Number.POSITIVE_INFINITY;
  const call: DataverseClient["call"] = async (request) => {
    const answer = left > 0 ? await through.call(request) : undefined;
    left -= 1;
    if (!answer || left <= 0) throw new Killed();
    return answer;
  };
  return {
    client: { root: through.root, call, json: async (request) => JSON.parse((await call(request)).text) },
    killAfter: (count = Number.POSITIVE_INFINITY) => {
      left = count;
    },
  };
}

/** The activity table of clicks. */
export const clicks = activityTables().click;
