// Both simulators behind the real adapters, in one process on one clock: what someone does in Dynamics goes through its Web API, the notices it
// posts come in by the app's door, the sweep reads its change tracking. What a complaint is about is in the test files.

import { readFileSync } from "node:fs";
import { applyRegistration, planRegistration } from "../../infra/dataverse/provision.js";
import { type DataverseCore, makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS, type Switches } from "../../infra/local/dataverse/options.js";
import { campaignInstance } from "../../infra/local/scenarios/acme/campaign-instance.js";
import type { SimCore } from "../../infra/local/sim/types.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { parseNotice } from "../../shared/dataverse/notice.js";
import { makeDynamicsOptOuts } from "../../shared/dataverse/opt-outs.js";
import { makeDynamicsSource } from "../../shared/dataverse/source.js";
import { makeRecent, type OptOutPace, type OptOutPull, pullOptOuts } from "../../shared/flows/pull-opt-outs.js";
import { type NoticeOutcome, receiveNotice } from "../../shared/flows/receive-notice.js";
import { type SweepResult, sweep } from "../../shared/flows/sweep.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { parseRecordId, type RecordId } from "../../shared/model/ids.js";
import { makeDynamicsClient } from "../../shared/services.js";
import type { FailureRecord } from "../../shared/storage/failures.js";
import { journalOf, registeredOrganisation } from "../convergence/dynamics-model.js";
import { type CoreWorld, coreHttp, coreWorld } from "../support/core-http.js";
import { type IngressWorld, makeIngressWorld } from "../support/ingress-world.js";
import { compiled } from "../support/mappings.js";

const url = new URL("http://dataverse.test");
const betweenActsMs = 2_000;
/** As in production (shared/services.ts). */
const optOutPace: OptOutPace = {
  pageSize: 1_000,
  narrowMs: 120_000,
  wideMs: 30 * 60_000,
  wideEveryMs: 15 * 60_000,
  checkEveryMs: 24 * 3_600_000,
  busyMs: 2_000,
  idleMs: 30_000,
  maxDepth: 200,
  pollMs: 50,
};
const webhook = { url: "https://app.example.com/api/ingress-webhook", key: "key", name: "acs-sync" };

/** The mapping of docs/examples with this name, or the shipped one for `contact`, with `changes` on top. */
export function example(
  name: "contact" | "dealer" | "vehicle" | "visit",
  changes: Record<string, unknown> = {},
): CompiledMapping {
  return compiled({ ...documentOf(name), ...changes });
}

/** The document itself. */
export function documentOf(name: "contact" | "dealer" | "vehicle" | "visit"): Record<string, unknown> {
  const file = name === "contact" ? "shared/mapping/contact-to-profile.json" : `docs/examples/acme-${name}.json`;
  return JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8"));
}

/** The shipped mapping and the three of docs/examples. */
export function allMappings(): CompiledMapping[] {
  return [...shippedMappings().values(), example("dealer"), example("vehicle"), example("visit")];
}

/** Failures that are open. */
export async function openFailures(world: Pick<IngressWorld, "failures">): Promise<FailureRecord[]> {
  const found: FailureRecord[] = [];
  for await (const failure of world.failures.list("open")) found.push(failure);
  return found;
}

/** Two systems and the app between them. */
export interface TwoSystems {
  world: IngressWorld;
  core: DataverseCore;
  /** Someone at work in Dynamics. */
  person: DataverseClient;
  /** The application user of the integration. */
  app: DataverseClient;
  create(set: string, body: Record<string, unknown>): Promise<RecordId>;
  edit(set: string, id: string, body: Record<string, unknown>): Promise<void>;
  remove(set: string, id: string): Promise<void>;
  /** What the app asked Dynamics to change since it is registered. */
  appWrites(): readonly string[];
  /** Calls an action. */
  act(name: string, body: Record<string, unknown>): Promise<void>;
  /** Takes in what Dynamics posted so far. */
  hear(): Promise<NoticeOutcome[]>;
  /** Throws away what Dynamics posted so far. Answers how many notices. */
  lose(): Promise<number>;
  /** Takes in what was posted and works until nothing is left. */
  settle(): Promise<void>;
  /** One run of the sweep, its work done. */
  sweep(): Promise<SweepResult>;
  /** One run of the pull of opt-outs, while the lanes work. */
  pull(): Promise<OptOutPull>;
}

/** Makes them with the webhook registered for the mappings. */
export async function makeTwoSystems(
  options: { mappings?: readonly CompiledMapping[]; switches?: Partial<Switches> } = {},
): Promise<TwoSystems> {
  const { mappings = allMappings(), switches = {} } = options;
  const world = await makeIngressWorld({ mappings, campaign: campaignInstance, lanes: 4 });
  const { clock, ports } = world;
  const outside: CoreWorld = coreWorld(clock);
  const organisation = await registeredOrganisation(clock.now());
  const core = makeDataverseCore(outside, { switches }, journalOf(organisation));
  const appWrites: string[] = [];
  const watched: SimCore = {
    ...core,
    handle(request) {
      const isApp = core.client?.(request) === LOCAL_APPS.integration.clientId;
      if (isApp && request.method !== "GET") appWrites.push(`${request.method} ${request.path}`);
      return core.handle(request);
    },
  };
  const http = coreHttp({ "dataverse.test": watched }, clock);
  const clientAs = (who: { clientId: string; clientSecret: string }): DataverseClient =>
    makeDynamicsClient(
      { dynamics: { url, auth: { by: "client-secret", authority: url, tenantId: WELL_KNOWN.tenant, ...who } } },
      http,
      clock,
    );
  const [app, person] = [clientAs(LOCAL_APPS.integration), clientAs(LOCAL_APPS.editor)];
  ports.dynamics = makeDynamicsSource(app);
  ports.optOuts.dynamics = makeDynamicsOptOuts(app, { tag: ports.ownTag });
  const binding = { organizationId: WELL_KNOWN.organization, campaignTenant: "acme", epoch: 1 };
  ports.binding = async () => ({ ...binding, createdAt: "2026-03-01T00:00:00Z" });
  if (options.mappings) {
    const byTable = new Map(mappings.map((mapping) => [mapping.table.name, mapping]));
    await applyRegistration(await planRegistration({ client: app, webhook, mappings: byTable }), () => {});
  }
  appWrites.length = 0;
  const posts = async (): Promise<{ body: string }[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    return outside.posted.splice(0);
  };
  const rung = makeRecent(1_000, optOutPace.wideEveryMs, clock);
  const hear = async (): Promise<NoticeOutcome[]> => {
    const outcomes: NoticeOutcome[] = [];
    for (const { body } of await posts()) {
      const notice = parseNotice(JSON.parse(body), new Date(clock.now()).toISOString());
      outcomes.push(await receiveNotice(ports, notice));
    }
    return outcomes;
  };

  /** People act seconds apart: what they do is not gathered into one trailing message. */
  const doIt: typeof person.call = (call) => {
    clock.advance(betweenActsMs);
    return person.call(call);
  };

  return {
    world,
    core,
    person,
    app,
    appWrites: () => appWrites,
    async create(path, body) {
      const { headers } = await doIt({ operation: "create", method: "POST", path, body });
      return parseRecordId(/\(([0-9a-f-]{36})\)$/.exec(headers["odata-entityid"] ?? "")?.[1]);
    },
    async edit(set, id, body) {
      await doIt({ operation: "edit", method: "PATCH", path: `${set}(${id})`, body });
    },
    async remove(set, id) {
      await doIt({ operation: "delete", method: "DELETE", path: `${set}(${id})` });
    },
    async act(path, body) {
      await doIt({ operation: path, method: "POST", path, body });
    },
    hear,
    lose: async () => (await posts()).length,
    async settle() {
      await hear();
      await world.drain();
    },
    async sweep() {
      const pace = { pageSize: 50, maxDepth: 500, lanes: 4, pollMs: 10, followMs: 1_000 };
      const result = await sweep(world.busyPorts(), pace, clock.now() + 60_000);
      await world.drain();
      return result;
    },
    async pull() {
      const pulling = { ...world.busyPorts(), source: world.moved, isWanted: async () => true, rung };
      const result = await pullOptOuts(pulling, optOutPace, clock.now() + 10 * 60_000);
      await world.drain();
      return result;
    },
  };
}
