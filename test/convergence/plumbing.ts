// What every host of the app has, whatever its flows: tables as it sees them, gates, HTTP client, clients of both peers, binding; put together as
// services.ts does, with its own memory (tokens, binding, throttles, gates) that dies with it.

import type { CampaignClient } from "../../shared/campaign/client.js";
import { type DataverseClient, makeDataverseClient } from "../../shared/dataverse/client.js";
import { makeDynamicsSource } from "../../shared/dataverse/source.js";
import { errorKind } from "../../shared/errors.js";
import type { DynamicsSource } from "../../shared/flows/ports.js";
import { verifyBinding } from "../../shared/flows/verify-binding.js";
import { makeHttpClient } from "../../shared/http/client.js";
import { fetchToken } from "../../shared/http/oauth.js";
import { makeSharedThrottle } from "../../shared/http/shared-throttle.js";
import { makeTokenCache } from "../../shared/http/token-cache.js";
import { type Binding, makeBindingStore } from "../../shared/storage/binding.js";
import type { EntityTable } from "../../shared/storage/entity-table.js";
import type { EntityTables } from "../../shared/storage/entity-tables.js";
import { type GateStore, makeGates } from "../../shared/storage/gates.js";
import { makeRateStore } from "../../shared/storage/rates.js";
import { campaignClientOf } from "../support/core-campaign.js";
import type { Transport } from "./peers.js";
import { type Life, type LifeParts, tablesOf } from "./process.js";
import { dynamicsLogin, hosts } from "./registration.js";

/** Time one Campaign call may take. */
export const campaignBudgetMs = 20_000;
const dynamicsProbeMs = 60_000;
const bindingAgeMs = 60_000;

/** See above. */
export interface Plumbing {
  tables: EntityTables;
  workflows: EntityTable;
  gates: GateStore;
  dataverse: DataverseClient;
  dynamics: DynamicsSource;
  campaign: CampaignClient;
  binding(): Promise<Binding>;
}

/** Makes it for one life. */
export function startPlumbing(
  life: Life,
  parts: LifeParts,
  deployment: { tables: EntityTables; transport: Transport },
): Plumbing {
  const { clock } = life;
  const own = parts.chance.fork();
  const tables = tablesOf(life, parts, deployment.tables);
  const workflows = tables.table("workflows");
  let probes = 0;
  const gates = makeGates({
    entities: workflows,
    clock,
    newId() {
      probes += 1;
      return `${life.name}-${probes}`;
    },
    leaseMs: { campaign: 1.5 * campaignBudgetMs + 5_000, dynamics: dynamicsProbeMs },
  });
  const http = makeHttpClient({
    clock,
    random: own.draw,
    throttles: {
      campaign: makeSharedThrottle({ store: makeRateStore(workflows, "campaign"), clock }),
      dynamics: makeSharedThrottle({ store: makeRateStore(workflows, "dynamics"), clock }),
    },
    onSend({ system }) {
      if (system === "campaign" || system === "dynamics") gates.sent(system);
    },
    transport: (request) => deployment.transport(life, { ...request, body: request.body ?? "" }),
  });
  const dataverse = makeDataverseClient({
    http,
    clock,
    environment: new URL(`https://${hosts.dynamics}`),
    tokens: makeTokenCache(() => fetchToken(http, clock, dynamicsLogin("integration")), clock),
    timeoutMs: 60_000,
    budgetMs: 120_000,
  });
  const dynamics = makeDynamicsSource(dataverse);
  const bindings = makeBindingStore(tables.table("binding"));
  return {
    tables,
    workflows,
    gates,
    dataverse,
    dynamics,
    campaign: campaignClientOf(http, clock, { timeoutMs: campaignBudgetMs }),
    binding: remember(bindingAgeMs, clock.now, () => verifyBinding(bindings, dynamics, "acme", clock)),
  };
}

/** As services.ts remembers a binding: callers at the same moment share one call, and what was known helps out while nobody can be asked. */
function remember(ageMs: number, now: () => number, call: () => Promise<Binding>): () => Promise<Binding> {
  let kept: { value: Binding; until: number } | undefined;
  let running: Promise<Binding> | undefined;
  const ask = async (): Promise<Binding> => {
    try {
      const value = await call();
      kept = { value, until: now() + ageMs };
      return value;
    } catch (error) {
      if (!kept || errorKind(error) === "binding") throw error;
      return kept.value;
    } finally {
      running = undefined;
    }
  };
  return async () => {
    if (kept && now() < kept.until) return kept.value;
    running ??= ask();
    return running;
  };
}
