// The whole app in real processes under the generated role alone, against a Dynamics that enforces it: first load, live changes, opt-outs both ways, events.

import { afterEach, expect, it } from "vitest";
import { applyEnvironment, planEnvironment } from "../../infra/dataverse/environment.js";
import { parseOptions } from "../../infra/dataverse/options.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { eventSettings } from "../../infra/local/events-job.js";
import { makeOperator } from "../../infra/local/operator.js";
import { optOutSettings, playOptOuts } from "../../infra/local/opt-outs-job.js";
import { eventually } from "../../infra/local/people.js";
import { MissingError } from "../../shared/errors.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import { makeDynamicsClient, systemClock } from "../../shared/services.js";
import { loadSettings } from "../../shared/settings/load.js";
import { validated } from "../support/mappings.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

const contacts = 40;

/** Provisions as a System Administrator does, and leaves the app's user with the generated role alone. */
async function provision({ runtime }: SmallSystem, documents: readonly unknown[], host?: string): Promise<void> {
  const settings = loadSettings(runtime.settings);
  const { integration, editor } = LOCAL_APPS;
  const auth = { ...settings.dynamics.auth, ...editor, by: "client-secret" } as typeof settings.dynamics.auth;
  const http = makeHttpClient({ clock: systemClock, random: Math.random });
  const client = makeDynamicsClient({ dynamics: { ...settings.dynamics, auth } }, http, systemClock);
  const door = host ? ["--url", `${host}/api/ingress-webhook`] : [];
  const args = ["apply", "--app-user", integration.clientId, ...door];
  const options = parseOptions(args, { WEBHOOK_KEY: String(runtime.settings.LOCAL_FUNCTION_KEY) });
  const environment = { client, clock: systemClock, settings };
  await applyEnvironment(await planEnvironment(environment, documents.map(validated), options), () => {});
  const path = `systemusers(${integration.userId})/systemuserroles_association(${WELL_KNOWN.administratorRole})/$ref`;
  await client.call({ operation: "take System Administrator away", method: "DELETE", path }).catch((error: unknown) => {
    if (!(error instanceof MissingError)) throw error;
  });
}

/** How often Dynamics answered with each status. */
async function statuses({ runtime }: SmallSystem): Promise<Record<string, number>> {
  const answer = await (await fetch(`${runtime.addresses.dataverse}/_sim/requests`)).json();
  const { counts } = answer as { counts: Record<string, { status: Record<string, number> }> };
  const all: Record<string, number> = {};
  for (const { status } of Object.values(counts)) {
    for (const [code, count] of Object.entries(status)) all[code] = (all[code] ?? 0) + count;
  }
  return all;
}

it("plays loads, changes, opt-outs both ways and events under the generated role alone, and is refused nothing", async () => {
  system = await startSmallSystem(contacts, { ...eventSettings, ...optOutSettings });
  const own = system;
  const { observer, editor, state, runtime } = own;
  await provision(own, shippedDocuments);
  const host = await own.startHost();
  const operator = makeOperator(() => host.address, String(runtime.settings.LOCAL_FUNCTION_KEY));
  const stage = { observer, editor, state, operator, say: () => {}, progress: () => {} };

  const register = async () => provision(own, (await operator.settings()).documents, host.address);
  await register();
  const report = await playOptOuts({ ...stage, register }, contacts);
  await observer.command("campaign", "deliver", { delivery: "DM1", opened: 1, clicked: 0.5, hardBounced: 0.1 });
  await eventually(
    "clicks with their tasks",
    async () => ((await observer.rows("tasks")).length > 0 ? true : undefined),
    { withinMs: 60_000 },
  );

  expect(report.differences).toEqual([]);
  expect(await own.failures()).toEqual([]);
  expect((await statuses(own))["403"] ?? 0).toBe(0);
}, 240_000);
