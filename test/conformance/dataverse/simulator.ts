// What the conformance tests start and talk with: a simulator on a free port, tokens, and plain HTTP. No client of ours.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { makeDataverseCore } from "../../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { type DataverseOptions, LOCAL_APPS } from "../../../infra/local/dataverse/options.js";
import { startSimulator } from "../../../infra/local/sim/start-simulator.js";
import type { SimWorld } from "../../../infra/local/sim/types.js";

/** An answer with its body read. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown> & { value: Record<string, unknown>[]; error: { code: string; message: string } };
}

/** One running simulator and a signed-in client of it. */
export interface Dataverse {
  url: string;
  api: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** Creates a row and answers its id. */
  create(set: string, row: object, headers?: Record<string, string>): Promise<string>;
  sim(path: string, body?: unknown): Promise<unknown>;
  tokenOf(app: keyof typeof LOCAL_APPS): Promise<string>;
  close(): Promise<void>;
}

/** Asks a token endpoint for a token. */
export const askToken = (
  url: string,
  form: Record<string, string>,
  tenant: string = WELL_KNOWN.tenant,
): Promise<Response> =>
  fetch(`${url}/${tenant}/oauth2/v2.0/token`, { method: "POST", body: new URLSearchParams(form) });

/** The form a client-credentials client sends. */
export const credentials = (url: string, app: { clientId: string; clientSecret: string }): Record<string, string> => ({
  grant_type: "client_credentials",
  client_id: app.clientId,
  client_secret: app.clientSecret,
  scope: `${url}/.default`,
});

/** A signed-in client of the simulator at `url`. */
export async function connect(url: string, close: () => Promise<void> = async () => undefined): Promise<Dataverse> {
  const api = `${url}/api/data/v9.2`;
  const tokenOf = async (app: keyof typeof LOCAL_APPS): Promise<string> => {
    const response = await askToken(url, credentials(url, LOCAL_APPS[app]));
    return ((await response.json()) as { access_token: string }).access_token;
  };
  const token = await tokenOf("integration");
  const call: Dataverse["call"] = async (method, path, body, headers = {}) => {
    const response = await fetch(path.startsWith("http") ? path : `${api}/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        "odata-version": "4.0",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json");
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : {} };
  };
  return {
    url,
    api,
    call,
    tokenOf,
    close,
    get: (path, headers) => call("GET", path, undefined, headers),
    async create(set, row, headers) {
      const answer = await call("POST", set, row, headers);
      const id = /\(([^)]+)\)$/.exec(answer.headers.get("odata-entityid") ?? "")?.[1];
      if (id === undefined) throw new Error(`${answer.status} ${answer.text}`);
      return id;
    },
    async sim(path, body) {
      const response = await fetch(
        `${url}/_sim/${path}`,
        body === undefined ? {} : { method: "POST", body: JSON.stringify(body) },
      );
      const text = await response.text();
      if (!response.ok) throw new Error(`${response.status} ${text}`);
      return JSON.parse(text);
    },
  };
}

/** Starts a simulator in this process, on real time unless given another world. */
export async function startDataverse(options: Partial<DataverseOptions> = {}, world?: SimWorld): Promise<Dataverse> {
  const simulator = await startSimulator({
    name: "dataverse",
    core: (its) => makeDataverseCore(its, options),
    port: 0,
    ...(world ? { world } : {}),
  });
  return connect(simulator.url, () => simulator.close());
}

/** An entry of a collection in a context. */
export interface PairJson<Value = unknown> {
  key: string;
  value: Value;
}

/** An Entity in a context, as far as tests look into it. */
export interface EntityJson {
  Attributes: PairJson[];
  FormattedValues: PairJson[];
  RowVersion: string | null;
}

/** A RemoteExecutionContext after JSON.parse, as far as tests look into it. */
export interface ContextJson {
  [member: string]: unknown;
  MessageName: string;
  Depth: number;
  PrimaryEntityId: string;
  InputParameters: PairJson[];
  SharedVariables: PairJson[];
  PreEntityImages: PairJson<EntityJson>[];
  PostEntityImages: PairJson<EntityJson>[];
  ParentContext: ContextJson;
}

/** One call a webhook received. */
export interface Hook {
  url: string;
  headers: Record<string, string>;
  raw: string;
  body: ContextJson;
  atMs: number;
}

/** A receiver of webhooks that keeps what came, and answers as `answer` says (200 unless changed; 0 = never). */
export async function startReceiver() {
  const hooks: Hook[] = [];
  const state = { answer: (_hook: Hook, _count: number): number => 200 };
  const server = createServer((request, response) => {
    let raw = "";
    request.setEncoding("utf8");
    request.on("data", (piece: string) => {
      raw += piece;
    });
    request.on("end", () => {
      const hook: Hook = {
        url: request.url ?? "",
        headers: request.headers as Record<string, string>,
        raw,
        body: JSON.parse(raw),
        atMs: Date.now(),
      };
      hooks.push(hook);
      const status = state.answer(hook, hooks.length);
      if (status !== 0) response.writeHead(status).end("ignored");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    hooks,
    state,
    url: `http://127.0.0.1:${port}/api/dv`,
    /** Waits until so many calls came; throws after two seconds. */
    async wait(count: number): Promise<Hook[]> {
      const until = Date.now() + 2000;
      while (hooks.length < count) {
        if (Date.now() > until) throw new Error(`${hooks.length} of ${count} webhook calls came`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return hooks;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What a test registers. */
export interface Registration {
  message: "Create" | "Update" | "Delete";
  table?: string;
  filteringattributes?: string;
  step?: object;
  images?: { alias: string; type: number; attributes?: string }[];
}

/** Registers an endpoint (a webhook by its URL, or any by its columns) with steps and images as facts/dataverse.md §11 says; answers the ids. */
export async function register(dataverse: Dataverse, endpoint: string | object, registrations: Registration[]) {
  const webhook = { name: "receiver", url: endpoint, contract: 8, authtype: 4, authvalue: "k y/1", messageformat: 2 };
  const endpointId = await dataverse.create("serviceendpoints", typeof endpoint === "string" ? webhook : endpoint);
  const stepIds: string[] = [];
  for (const { message, table = "contact", filteringattributes, step = {}, images = [] } of registrations) {
    const filters = await dataverse.get(
      `sdkmessagefilters?$select=sdkmessagefilterid&$expand=sdkmessageid($select=name)&$filter=sdkmessageid/name eq '${message}' and primaryobjecttypecode eq '${table}'`,
    );
    const filter = filters.json.value[0] as { sdkmessagefilterid: string; sdkmessageid: { sdkmessageid: string } };
    const stepId = await dataverse.create("sdkmessageprocessingsteps", {
      ...{ name: `${message} of ${table}`, stage: 40, mode: 1, rank: 1, supporteddeployment: 0, asyncautodelete: true },
      ...(filteringattributes === undefined ? {} : { filteringattributes }),
      "eventhandler_serviceendpoint@odata.bind": `/serviceendpoints(${endpointId})`,
      "sdkmessageid@odata.bind": `/sdkmessages(${filter.sdkmessageid.sdkmessageid})`,
      "sdkmessagefilterid@odata.bind": `/sdkmessagefilters(${filter.sdkmessagefilterid})`,
      ...step,
    });
    stepIds.push(stepId);
    for (const { alias, type, attributes } of images) {
      await dataverse.create("sdkmessageprocessingstepimages", {
        ...{ name: alias, entityalias: alias, imagetype: type, messagepropertyname: "Target" },
        ...(attributes === undefined ? {} : { attributes }),
        "sdkmessageprocessingstepid@odata.bind": `/sdkmessageprocessingsteps(${stepId})`,
      });
    }
  }
  return { endpointId, stepIds };
}
