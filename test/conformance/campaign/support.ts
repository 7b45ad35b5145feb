// The simulator behind a real socket and a plain HTTP caller for it. No client of ours takes part.

import { afterAll, beforeAll, beforeEach } from "vitest";
import { makeCampaignCore } from "../../../infra/local/campaign/core.js";
import type { InstanceConfiguration } from "../../../infra/local/campaign/model/instance.js";
import { type Simulator, startSimulator } from "../../../infra/local/sim/start-simulator.js";

/** A record on the wire: what every one has, and what this one has. */
export interface WireRecord {
  PKey: string;
  href: string;
  [member: string]: unknown;
}

/** JSON of an answer, with the members that tests look into; which of them are there depends on the call. */
export interface WireBody extends WireRecord {
  content: WireRecord[];
  next: { href: string } | undefined;
  count: { href: string; value?: number };
  error_code: string;
  message: string;
  access_token: string;
  subscriptions: { href: string };
}

/** An answer: `body` is its JSON, or an empty object when there is none. */
export interface Answer {
  status: number;
  headers: Headers;
  body: WireBody;
  text: string;
}

/** A plain caller: `path` is behind `/acme/campaign/`, or an absolute address as the API gave it. */
export interface Caller {
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  patch(path: string, body: unknown): Promise<Answer>;
  del(path: string): Promise<Answer>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** `/_sim/…`, GET without a body, POST with one. */
  sim(path: string, body?: unknown): Promise<Answer>;
  url: string;
}

/** Sends one request and reads the whole answer. */
export async function fetchAnswer(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json") && text !== "";
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} };
}

/** A token of the default client, by form post. */
export async function fetchToken(url: string, client = "local-client", secret = "local-secret"): Promise<string> {
  const answer = await fetchAnswer(`${url}/ims/token/v3`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: client,
      client_secret: secret,
      scope: "openid,AdobeID,campaign_sdk",
    }),
  });
  return answer.body.access_token;
}

/** A caller with a fresh token for the simulator at `url`. */
export async function makeCaller(url: string): Promise<Caller> {
  const token = await fetchToken(url);
  const send: Caller["send"] = (method, path, body, headers = {}) =>
    fetchAnswer(path.startsWith("http") ? path : `${url}/acme/campaign/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        "x-api-key": "local-client",
        "cache-control": "no-cache",
        "content-type": "application/json;charset=utf-8",
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  return {
    url,
    send,
    get: (path) => send("GET", path),
    post: (path, body) => send("POST", path, body),
    patch: (path, body) => send("PATCH", path, body),
    del: (path) => send("DELETE", path),
    sim: (path, body) =>
      fetchAnswer(`${url}/_sim/${path}`, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  };
}

/** A simulator for the tests of one file, reset before each; the caller is there from the first test on. */
export function useCampaign(options: { configuration?: InstanceConfiguration } = {}): Caller {
  const caller = {} as Caller;
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ name: "campaign", core: (world) => makeCampaignCore(world, options), port: 0 });
    Object.assign(caller, await makeCaller(simulator.url));
  });
  beforeEach(async () => {
    await caller.sim("reset", {});
    await caller.sim("clock", { skewMs: 0 });
  });
  afterAll(() => simulator.close());
  return caller;
}

/** Sets the simulator's clock to an instant; tokens live for a day of this clock. */
export async function setClock(campaign: Caller, instant: string): Promise<void> {
  await campaign.sim("clock", { skewMs: Date.parse(instant) - Date.now() });
}

/** Path of the profile resource under the API with extensions. */
export const profiles = "profileAndServicesExt/profile";
