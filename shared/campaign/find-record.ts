// How a record of Campaign is found by its key: in the URI, or through an identification filter (facts/campaign.md §3.1, §4). What is read of it or
// written to it is in records.ts, source.ts and opt-outs.ts.

import { z } from "zod";
import { MalformedError, MissingError } from "../errors.js";
import { parseJson } from "../http/json.js";
import { parseSameOriginLink } from "../http/link.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { KeyAddress } from "../mapping/table-mapping.js";
import type { CampaignClient } from "./client.js";

const recordSchema = z.record(z.string(), z.unknown());
/** A record as Campaign shows it. */
export type WireRecord = z.infer<typeof recordSchema>;

/** A page of records as Campaign shows it. */
export const listSchema = z.object({
  content: z.array(recordSchema),
  next: z.object({ href: z.string() }).optional(),
  serverSidePagination: z.boolean().optional(),
});

/** Path of a resource's records, below the root of the instance's APIs. */
export function collectionOf({ resource }: Pick<CompiledMapping, "resource">): string {
  return `${resource.api}/${resource.name}`;
}

/** One GET, its answer held against `schema`. MalformedError names the member that is wrong. */
export async function getJson<T>(
  client: CampaignClient,
  schema: z.ZodType<T>,
  { operation, path, deadline }: { operation: string; path: string | URL; deadline: number },
): Promise<T> {
  const response = await client.call({ operation, method: "GET", path, deadline });
  const parsed = schema.safeParse(parseJson(response.text));
  if (parsed.success) return parsed.data;
  const member = parsed.error.issues[0]?.path.join(".") || "body";
  throw new MalformedError(`Campaign's answer to ${operation} is not what it should be: ${member} is wrong`);
}

/**
 * Where the record is written: one call with a filter, none with the key in the URI. MissingError: the filter finds none. MalformedError: it finds another
 * one, or several.
 */
export async function locateRecord(
  client: CampaignClient,
  mapping: CompiledMapping,
  key: string,
  { address, deadline }: { address: KeyAddress; deadline: number },
): Promise<string | URL> {
  if (address.by === "uri") return keyPath(mapping, key);
  const { name } = mapping.resource;
  const found = await filtered(client, mapping, key, { operation: `find ${name}`, address, deadline });
  if (!found) throw new MissingError(`Campaign has no ${name} with this key`);
  if (typeof found.href !== "string") throw new MalformedError(`Campaign shows a ${name} without href`);
  return parseSameOriginLink(found.href, client.root);
}

/** The record with this key, in one call; undefined: there is none, or Campaign hides it. MalformedError: Campaign answered another one. */
export async function findRecord(
  client: CampaignClient,
  mapping: CompiledMapping,
  key: string,
  deadline: number,
): Promise<WireRecord | undefined> {
  const { address } = mapping.key;
  const operation = `read ${mapping.resource.name}`;
  if (address.by === "filter") return filtered(client, mapping, key, { operation, address, deadline });
  try {
    const record = await getJson(client, recordSchema, { operation, path: keyPath(mapping, key), deadline });
    return ownRecord(mapping, key, record);
  } catch (error) {
    if (error instanceof MissingError) return undefined;
    throw error;
  }
}

/** The record's key as it stands there; "" when it has none. */
export function keyIn({ key }: CompiledMapping, record: WireRecord): string {
  const value = valueAt(record, key.field);
  return typeof value === "string" ? value.trim() : typeof value === "number" ? String(value) : "";
}

/** What a field holds; a dot leads into a nested item. */
export function valueAt(record: WireRecord, target: string): unknown {
  const [head = "", tail] = target.split(".");
  const value = record[head];
  if (tail === undefined) return value;
  return typeof value === "object" && value !== null ? (value as WireRecord)[tail] : undefined;
}

async function filtered(
  client: CampaignClient,
  mapping: CompiledMapping,
  key: string,
  asked: { operation: string; address: Extract<KeyAddress, { by: "filter" }>; deadline: number },
): Promise<WireRecord | undefined> {
  const { operation, address, deadline } = asked;
  const query = new URLSearchParams({ [`${address.parameter}_parameter`]: key });
  const path = `${collectionOf(mapping)}/by${address.filter}?${query}`;
  const { content } = await getJson(client, listSchema, { operation, path, deadline });
  if (content.length > 1) throw new MalformedError(`filter by${address.filter} found several records for one key`);
  return content[0] && ownRecord(mapping, key, content[0]);
}

/** A filter whose parameter is called otherwise, or a key that is not the mapped field, would find somebody else's record. */
function ownRecord(mapping: CompiledMapping, key: string, record: WireRecord): WireRecord {
  if (keyIn(mapping, record).toLowerCase() === key.toLowerCase()) return record;
  const { name } = mapping.resource;
  throw new MalformedError(`asked for one ${name}, Campaign answered another: is ${mapping.key.field} its key?`);
}

function keyPath(mapping: CompiledMapping, key: string): string {
  return `${collectionOf(mapping)}/${encodeURIComponent(key)}`;
}
