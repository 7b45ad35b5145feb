// The tables of docs/examples in a Dataverse simulator, made through its Web API as an administrator would. For tests of metadata and publishing.

import { readFileSync } from "node:fs";
import { type DataverseCore, makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { defineAcmeTables } from "../../infra/local/scenarios/acme/dynamics-tables.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import type { HttpClient } from "../../shared/http/client.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreHttp, coreWorld } from "./core-http.js";
import type { FixedClock } from "./fixed-clock.js";

/** A simulator with the tables of the examples. */
export interface AcmeDynamics {
  core: DataverseCore;
  /** As our application user. */
  client: DataverseClient;
  /** Paths asked for by `client` so far, from the Web API root. */
  asked: string[];
  /** As an administrator: changes definitions. */
  define(method: "POST" | "PUT" | "DELETE", path: string, body?: Record<string, unknown>): Promise<void>;
  clientAs(app: { clientId: string; clientSecret: string }): DataverseClient;
}

/** Makes one. `tracking` names tables whose change tracking is on; all, unless said. */
export async function makeAcmeDynamics(clock: FixedClock, tracking?: readonly string[]): Promise<AcmeDynamics> {
  const core = makeDataverseCore(coreWorld(clock));
  const asked: string[] = [];
  const plain = coreHttp({ "dataverse.test": core }, clock);
  const http: HttpClient = {
    async send(request) {
      asked.push(`${request.url.pathname}${decodeURIComponent(request.url.search)}`.replace("/api/data/v9.2/", ""));
      return withCustomerColumn(await plain.send(request), request.url.pathname);
    },
  };
  const url = new URL("http://dataverse.test");
  const clientAs = (app: { clientId: string; clientSecret: string }): DataverseClient => {
    const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, ...app };
    return makeDynamicsClient({ dynamics: { url, auth } }, http, clock);
  };
  const administrator = clientAs(LOCAL_APPS.editor);
  const define: AcmeDynamics["define"] = async (method, path, body) => {
    await administrator.call({ operation: "define", method, path, ...(body && { body }) });
  };
  await defineAcmeTables(define, tracking);
  asked.length = 0;
  return { core, client: clientAs(LOCAL_APPS.integration), asked, define, clientAs };
}

/** The simulator makes lookups with one target only; the keeper of a vehicle is a person or a company. */
function withCustomerColumn<Answer extends { text: string }>(answer: Answer, path: string): Answer {
  if (!/acme_vehicle.*LookupAttributeMetadata/.test(decodeURIComponent(path))) return answer;
  const body = JSON.parse(answer.text) as { value: { LogicalName: string; Targets: string[] }[] };
  for (const column of body.value) if (column.LogicalName === "acme_keeperid") column.Targets.push("account");
  return { ...answer, text: JSON.stringify(body) };
}

/** The three documents of docs/examples, parents first. */
export function acmeDocuments(): Record<string, unknown>[] {
  return ["dealer", "vehicle", "visit"].map((name) =>
    JSON.parse(readFileSync(new URL(`../../docs/examples/acme-${name}.json`, import.meta.url), "utf8")),
  );
}
