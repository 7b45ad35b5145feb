// Those who use the two systems beside our app: someone who edits contacts in Dynamics over its public Web API, and an observer who looks
// behind the simulators' APIs (/_sim/…). For npm start and the tests; the app never sees any of it.

import type { Held } from "./oracle.js";
import type { Contact } from "./scenarios/contacts.js";

/** Someone at work in Dynamics. Every method answers when Dynamics has committed the change. */
export interface Editor {
  create(contact: Contact): Promise<void>;
  update(id: string, changes: Contact): Promise<void>;
  remove(id: string): Promise<void>;
  /** The row's version now. */
  version(id: string): Promise<string>;
}

/** Credentials of the editor's application in the simulated tenant. */
export interface EditorLogin {
  dataverse: string;
  tenantId: string;
  clientId: string;
  clientSecret: string;
}

/** Signs in and answers an editor of contacts. */
export async function signIn(login: EditorLogin): Promise<Editor> {
  const answer = await fetch(`${login.dataverse}/${login.tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: login.clientId,
      client_secret: login.clientSecret,
      scope: `${login.dataverse}/.default`,
    }),
  });
  const { access_token } = (await (await ok(answer)).json()) as { access_token: string };
  const contacts = `${login.dataverse}/api/data/v9.2/contacts`;
  const send = async (method: string, url: string, body?: unknown): Promise<Response> =>
    ok(
      await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${access_token}`,
          "content-type": "application/json",
          accept: "application/json",
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    );
  return {
    create: async (contact) => void (await send("POST", contacts, contact)),
    update: async (id, changes) => void (await send("PATCH", `${contacts}(${id})`, changes)),
    remove: async (id) => void (await send("DELETE", `${contacts}(${id})`)),
    async version(id) {
      const row = (await (await send("GET", `${contacts}(${id})?$select=versionnumber`)).json()) as Held;
      return String(row.versionnumber);
    },
  };
}

/** One write of a profile as Campaign's simulator remembers it. */
export interface ProfileWrite {
  method: string;
  sha256: string;
  at: string;
}

/** Engine calls of Campaign; `failed` ones are in `total` too. */
export interface CallCounts {
  total: number;
  failed: number;
  kinds: Record<string, { calls: number; failed: number }>;
}

/** What an observer sees of both simulators. */
export interface Observer {
  seedContacts(contacts: readonly Contact[]): Promise<void>;
  contacts(): Promise<Held[]>;
  profiles(): Promise<Held[]>;
  profileCount(): Promise<number>;
  writes(key: string): Promise<ProfileWrite[]>;
  /** Keys of profiles that got the same body twice in a row. */
  equalWrites(): Promise<string[]>;
  /** Campaign's engine calls since the last time this was asked, by kind such as `PATCH profile by key`. */
  takeCalls(): Promise<CallCounts>;
  /** Adds a fault to a simulator (infra/local/sim/README.md). */
  fault(simulator: "dataverse" | "campaign", fault: unknown): Promise<void>;
  /** Makes every request to a simulator take `ms`. */
  slow(simulator: "dataverse" | "campaign", ms: number): Promise<void>;
  clearFaults(simulator: "dataverse" | "campaign"): Promise<void>;
}

/** Looks at the simulators at these addresses. */
export function observe(addresses: { dataverse: string; campaign: string }): Observer {
  const get = async (url: string): Promise<unknown> => (await ok(await fetch(url))).json();
  const post = async (url: string, body: unknown): Promise<unknown> =>
    (await ok(await fetch(url, { method: "POST", body: JSON.stringify(body) }))).json();
  const { dataverse, campaign } = addresses;
  const writes = (query: string) =>
    get(`${campaign}/_sim/state/writes?${query}`) as Promise<Record<string, ProfileWrite[]>>;
  return {
    async seedContacts(contacts) {
      await post(`${dataverse}/_sim/seed`, { set: "contacts", rows: contacts });
    },
    contacts: () => get(`${dataverse}/_sim/state/contacts`) as Promise<Held[]>,
    async profiles() {
      const held = (await get(`${campaign}/_sim/state/profile`)) as { record: Held }[];
      return held.map(({ record }) => record);
    },
    async profileCount() {
      const summary = (await get(`${campaign}/_sim/state/summary`)) as { records: { profile: number } };
      return summary.records.profile;
    },
    writes: async (key) => (await writes(`key=${key}`))[key] ?? [],
    equalWrites: async () => Object.keys(await writes("equal=true")),
    takeCalls: () => post(`${campaign}/_sim/reset-calls`, {}) as Promise<CallCounts>,
    fault: async (simulator, fault) => void (await post(`${addresses[simulator]}/_sim/faults`, fault)),
    slow: async (simulator, ms) => void (await post(`${addresses[simulator]}/_sim/latency`, ms)),
    async clearFaults(simulator) {
      await ok(await fetch(`${addresses[simulator]}/_sim/faults`, { method: "DELETE" }));
    },
  };
}

async function ok(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw new Error(`${response.url} answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
}

/** Asks every `everyMs` until the answer is not undefined; throws `what` after `withinMs`. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  { withinMs = 60_000, everyMs = 25 } = {},
): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > until) throw new Error(`waited ${withinMs / 1000} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
