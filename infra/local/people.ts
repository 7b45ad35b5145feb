// Those who use the two systems beside our app: someone who edits rows in Dynamics over its public Web API, and an observer who looks
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
  /** Anything else: `path` from the root of the Web API. Answers the answer's body, undefined without one. */
  send(method: string, path: string, body?: unknown): Promise<unknown>;
}

/** Credentials of the editor's application in the simulated tenant. */
export interface EditorLogin {
  dataverse: string;
  tenantId: string;
  clientId: string;
  clientSecret: string;
}

/** Signs in and answers an editor. */
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
  const send = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await ok(
      await fetch(`${login.dataverse}/api/data/v9.2/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${access_token}`,
          "content-type": "application/json",
          accept: "application/json",
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    return text === "" ? undefined : JSON.parse(text);
  };
  return {
    create: async (contact) => void (await send("POST", "contacts", contact)),
    update: async (id, changes) => void (await send("PATCH", `contacts(${id})`, changes)),
    remove: async (id) => void (await send("DELETE", `contacts(${id})`)),
    async version(id) {
      const row = (await send("GET", `contacts(${id})?$select=versionnumber`)) as Held;
      return String(row.versionnumber);
    },
    send,
  };
}

/** One write of a record as Campaign's simulator remembers it. */
export interface RecordWrite {
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

/** A record as Campaign's simulator holds it; `hidden`: from everybody who asks its API. */
export interface HeldRecord {
  key: string;
  hidden: boolean;
  record: Held;
}

/** A stand-in that faults can be added to. */
export type Breakable = "dataverse" | "campaign" | "bus" | "tables";

/** What an observer sees of the simulators. */
export interface Observer {
  seedContacts(contacts: readonly Contact[]): Promise<void>;
  /** Rows that are there before anybody looks: no webhook rings. */
  seed(set: string, rows: readonly Held[]): Promise<void>;
  rows(set: string): Promise<Held[]>;
  records(resource: string): Promise<HeldRecord[]>;
  contacts(): Promise<Held[]>;
  profiles(): Promise<Held[]>;
  profileCount(): Promise<number>;
  /** Writes of the record with this key, of profiles unless said. */
  writes(key: string, resource?: string): Promise<RecordWrite[]>;
  /** Keys of records, of profiles unless said, that got the same body twice in a row. */
  equalWrites(resource?: string): Promise<string[]>;
  /** Campaign's engine calls since the last time this was asked, by kind such as `PATCH profile by key`. */
  takeCalls(): Promise<CallCounts>;
  /** What was asked of a stand-in so far: how often in all, and how often before it was time to (its README). */
  requests(simulator: Breakable): Promise<{ total: number; insideRetryAfter: number }>;
  /** Adds a fault, or several, to a stand-in (infra/local/sim/README.md). */
  fault(simulator: Breakable, fault: unknown): Promise<void>;
  /** A command of a stand-in's own. */
  command(simulator: Breakable, name: string, body?: unknown): Promise<unknown>;
  /** Makes every request to a simulator take `ms`. */
  slow(simulator: "dataverse" | "campaign", ms: number): Promise<void>;
  clearFaults(simulator: Breakable): Promise<void>;
}

/** Looks at the stand-ins at these addresses. */
export function observe(
  addresses: Readonly<Record<"dataverse" | "campaign" | "busAdmin" | "tables", string>>,
): Observer {
  const get = async (url: string): Promise<unknown> => (await ok(await fetch(url))).json();
  const post = async (url: string, body: unknown): Promise<unknown> =>
    (await ok(await fetch(url, { method: "POST", body: JSON.stringify(body) }))).json();
  const { dataverse, campaign, busAdmin, tables } = addresses;
  const adminOf = { dataverse, campaign, bus: busAdmin, tables };
  const writes = (query: string) =>
    get(`${campaign}/_sim/state/writes?${query}`) as Promise<Record<string, RecordWrite[]>>;
  const seed = async (set: string, rows: readonly unknown[]): Promise<void> =>
    void (await post(`${dataverse}/_sim/seed`, { set, rows }));
  const rowsOf = (set: string) => get(`${dataverse}/_sim/state/${set}`) as Promise<Held[]>;
  const records = (resource: string) => get(`${campaign}/_sim/state/${resource}`) as Promise<HeldRecord[]>;
  return {
    seedContacts: (contacts) => seed("contacts", contacts),
    seed,
    rows: rowsOf,
    records,
    contacts: () => rowsOf("contacts"),
    profiles: async () => (await records("profile")).map(({ record }) => record),
    async profileCount() {
      const summary = (await get(`${campaign}/_sim/state/summary`)) as { records: { profile: number } };
      return summary.records.profile;
    },
    writes: async (key, resource = "profile") => (await writes(`resource=${resource}&key=${key}`))[key] ?? [],
    equalWrites: async (resource = "profile") => Object.keys(await writes(`resource=${resource}&equal=true`)),
    takeCalls: () => post(`${campaign}/_sim/reset-calls`, {}) as Promise<CallCounts>,
    requests: (simulator) =>
      get(`${adminOf[simulator]}/_sim/requests?limit=1`) as Promise<{ total: number; insideRetryAfter: number }>,
    fault: async (simulator, fault) => void (await post(`${adminOf[simulator]}/_sim/faults`, fault)),
    command: (simulator, name, body = {}) => post(`${adminOf[simulator]}/_sim/${name}`, body),
    slow: async (simulator, ms) => void (await post(`${adminOf[simulator]}/_sim/latency`, ms)),
    async clearFaults(simulator) {
      await ok(await fetch(`${adminOf[simulator]}/_sim/faults`, { method: "DELETE" }));
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
