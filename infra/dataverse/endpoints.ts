// The two doors as Dynamics knows them, service endpoints: found by contract and name, written, removed, and looked at for doubles
// (facts/dataverse.md §1.1, §2). What is posted to them is steps.ts.

import { createHmac } from "node:crypto";
import { z } from "zod";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { type Action, change, list } from "./action.js";
import { type BusTarget, busNameOf, type WebhookTarget } from "./desired.js";

/** A webhook posts to us over HTTP, a bus endpoint to a queue that we read. */
export type Door = "webhook" | "bus";

/** A service endpoint as it should be: where it posts to, in words, and its columns, secrets included. `secret`: "" when it is not known. */
export interface DesiredEndpoint {
  door: Door;
  name: string;
  address: string;
  secret: string;
  body: Record<string, unknown>;
}

/** A service endpoint as it is. Secrets cannot be read back. */
export type Endpoint = z.infer<typeof endpointSchema>;
const endpointSchema = z.object({
  serviceendpointid: z.string(),
  name: z.string(),
  contract: z.number(),
  url: z.string().nullish(),
  namespaceaddress: z.string().nullish(),
  solutionnamespace: z.string().nullish(),
  path: z.string().nullish(),
  authtype: z.number().nullish(),
  messageformat: z.number().nullish(),
  saskeyname: z.string().nullish(),
  description: z.string().nullish(),
  issaskeyset: z.boolean().nullish(),
  /** Webhooks only: is a key stored? It cannot be read itself. */
  isauthvalueset: z.boolean().nullish(),
});

/** Webhook; Queue (Persistent). */
const contracts: Readonly<Record<Door, number>> = { webhook: 8, bus: 6 };
const json = 2;
const webhookKey = 4;
const sasKey = 2;
const byAddress = 2;

/** The endpoint of the webhook. */
export function webhookEndpoint({ name, url, key }: WebhookTarget): DesiredEndpoint {
  const address = { url, authtype: webhookKey, authvalue: key };
  return {
    door: "webhook",
    name,
    address: url,
    secret: key,
    body: { name, contract: contracts.webhook, messageformat: json, ...address, description: describe(name, key) },
  };
}

/** The endpoint of the queue. Throws when the namespace is no `sb://` address. */
export function busEndpoint({ name, namespace, queue, sasName, sasKey: saskey }: BusTarget): DesiredEndpoint {
  const host = /^sb:\/\/([a-z0-9.:-]+)\/?$/i.exec(namespace)?.[1];
  if (host === undefined) {
    throw new Error(`the namespace must look like sb://contoso.servicebus.windows.net/, not ${namespace}`);
  }
  const address = {
    namespaceformat: byAddress,
    namespaceaddress: `sb://${host}/`,
    solutionnamespace: host.split(/[.:]/)[0],
    path: queue,
  };
  const auth = { authtype: sasKey, saskeyname: sasName, saskey };
  return {
    door: "bus",
    name,
    address: `sb://${host}/${queue}`,
    secret: saskey,
    body: {
      name,
      contract: contracts.bus,
      messageformat: json,
      ...address,
      ...auth,
      description: describe(name, saskey),
    },
  };
}

/** Our endpoint, if it is there. Throws when several have its name: nobody knows which one is ours. */
export async function findEndpoint(client: DataverseClient, door: Door, name: string): Promise<Endpoint | undefined> {
  const found = (await listEndpoints(client)).filter((endpoint) => isOurs(endpoint, door, name));
  if (found.length > 1) throw new Error(`there are ${found.length} ${words[door]}s called ${name}: remove all but one`);
  return found[0];
}

/**
 * Its secret cannot be read back (facts/dataverse.md §1.1), so a mark of the one that was written is left beside it: 48 bits of a hash, which tell another key
 * and do not tell the key.
 */
function describe(name: string, secret: string): string {
  const mark = createHmac("sha256", secret).update(`service endpoint ${name}`).digest("hex").slice(0, 12);
  return `Made by dataverse:apply. Key ${mark}`;
}

/** Is anything about the endpoint not as it should be? A secret that is not known is not compared. */
export function isEndpointRight({ address, secret, body }: DesiredEndpoint, existing: Endpoint): boolean {
  const isSecretThere = existing.contract === contracts.webhook ? existing.isauthvalueset : existing.issaskeyset;
  const same = (column: "authtype" | "messageformat" | "saskeyname" | "description"): boolean =>
    body[column] === undefined || body[column] === existing[column];
  return (
    sameAddress(addressOf(existing), address) &&
    isSecretThere !== false &&
    same("authtype") &&
    same("messageformat") &&
    same("saskeyname") &&
    (secret === "" || same("description"))
  );
}

/** What makes the endpoint what it should be, its secret included. */
export function planEndpoint(
  client: DataverseClient,
  desired: DesiredEndpoint,
  existing: Endpoint | undefined,
): Action {
  const { door, name, address, body } = desired;
  if (!existing) {
    return change(client, `create ${words[door]} ${name} to ${address}`, "POST", "serviceendpoints", body);
  }
  const before = addressOf(existing);
  const moved = sameAddress(before, address) ? "" : `, and point it to ${address} instead of ${before || "nothing"}`;
  return change(client, `write the key of ${words[door]} ${name}${moved}`, "PATCH", pathOf(existing), body);
}

/** Takes the endpoint away; its steps go with it (facts/dataverse.md §11). */
export function planEndpointRemoval(client: DataverseClient, door: Door, existing: Endpoint): Action {
  return change(client, `remove ${words[door]} ${existing.name} and its steps`, "DELETE", pathOf(existing));
}

/**
 * Registrations that make every change come twice (facts/field.md B34), each in a sentence with its cure: endpoints under other names that post to
 * the same address, and our own other door when only one is wanted. They are told, never removed: they may be somebody else's.
 */
export async function findDoubles(client: DataverseClient, desired: readonly DesiredEndpoint[]): Promise<string[]> {
  const endpoints = await listEndpoints(client);
  return desired.flatMap(({ door, name, address }) => {
    const other = otherDoor(door, name);
    const unwanted = endpoints.filter(
      (endpoint) => isOurs(endpoint, other.door, other.name) && !desired.some(({ door }) => door === other.door),
    );
    const doubles = endpoints.filter(
      (endpoint) => !isOurs(endpoint, door, name) && sameAddress(addressOf(endpoint), address),
    );
    return [
      ...doubles.map(
        (double) =>
          `${words[door]} ${double.name} posts to ${address} as well: changes come twice. If nobody needs it, remove the service endpoint ${double.serviceendpointid} in Dynamics.`,
      ),
      ...unwanted.map(
        (endpoint) =>
          `changes come through ${words[other.door]} ${endpoint.name} as well. If that is not meant, take it away: npm run dataverse:remove -- --name ${other.base} --only ${other.door}`,
      ),
    ];
  });
}

const words: Readonly<Record<Door, string>> = { webhook: "webhook", bus: "bus endpoint" };

function otherDoor(door: Door, name: string): { door: Door; name: string; base: string } {
  if (door === "webhook") return { door: "bus", name: busNameOf(name), base: name };
  const base = name.endsWith(busNameOf("")) ? name.slice(0, -busNameOf("").length) : name;
  return { door: "webhook", name: base, base };
}

function isOurs(endpoint: Endpoint, door: Door, name: string): boolean {
  return endpoint.contract === contracts[door] && endpoint.name === name;
}

/** Every service endpoint of the environment, whoever made it. */
export function listEndpoints(client: DataverseClient): Promise<Endpoint[]> {
  const select = Object.keys(endpointSchema.shape).join(",");
  return list(client, "list service endpoints", `serviceendpoints?$select=${select}`, endpointSchema);
}

/** Where it posts to. */
export function addressOf({ contract, url, namespaceaddress, solutionnamespace, path }: Endpoint): string {
  if (contract === contracts.webhook) return url ?? "";
  const namespace = namespaceaddress || `sb://${solutionnamespace}.servicebus.windows.net/`;
  return `${namespace.replace(/\/*$/, "/")}${path ?? ""}`;
}

/** Do both lead to the same place? Hosts know no case, and neither Functions routes nor queue names do; a key that somebody wrote into the URL is no other address. */
export function sameAddress(one: string, other: string): boolean {
  const plain = (address: string): string =>
    address
      .toLowerCase()
      .replace(/[?#].*$/, "")
      .replace(/\/+$/, "");
  return plain(one) === plain(other);
}

function pathOf({ serviceendpointid }: Endpoint): string {
  return `serviceendpoints(${serviceendpointid})`;
}
