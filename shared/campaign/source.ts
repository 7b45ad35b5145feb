// Reading records of Campaign, any resource: one by key, or all page by page (facts/campaign.md §3.2, §3.4, §4, §5). Implements the port
// CampaignSource. Only the mapped fields leave this file; what they should hold is a flow's business.

import { z } from "zod";
import { MalformedError, MissingError } from "../errors.js";
import type { CampaignSource } from "../flows/ports.js";
import { parseJson } from "../http/json.js";
import { parseSameOriginLink } from "../http/link.js";
import type { CompiledMapping, Fields } from "../mapping/compile.js";
import type { FieldValue } from "../mapping/convert.js";
import type { LinkValue } from "../mapping/field.js";
import type { CampaignClient } from "./client.js";

const recordSchema = z.record(z.string(), z.unknown());
type WireRecord = z.infer<typeof recordSchema>;

const listSchema = z.object({
  content: z.array(recordSchema),
  next: z.object({ href: z.string() }).optional(),
  serverSidePagination: z.boolean().optional(),
});

/** Above a threshold Campaign names no next page unless every call asks for it (facts/campaign.md §5). */
const everyPage = "_forcePagination=true";

/** Reads from one instance; every read is one call, whichever way the key is addressed. */
export function makeCampaignSource(client: CampaignClient): CampaignSource {
  const collection = ({ resource }: CompiledMapping): string => `${resource.api}/${resource.name}`;
  const get = async <T>(schema: z.ZodType<T>, operation: string, path: string | URL, deadline: number): Promise<T> => {
    const response = await client.call({ operation, method: "GET", path, deadline });
    const parsed = schema.safeParse(parseJson(response.text));
    if (parsed.success) return parsed.data;
    const member = parsed.error.issues[0]?.path.join(".") || "body";
    throw new MalformedError(`Campaign's answer to ${operation} is not what it should be: ${member} is wrong`);
  };

  const find = async (mapping: CompiledMapping, key: string, deadline: number): Promise<WireRecord | undefined> => {
    const { address } = mapping.key;
    const operation = `read ${mapping.resource.name}`;
    if (address.by === "uri") {
      return get(recordSchema, operation, `${collection(mapping)}/${encodeURIComponent(key)}`, deadline).catch(
        (error: unknown) => {
          if (error instanceof MissingError) return undefined;
          throw error;
        },
      );
    }
    const query = new URLSearchParams({ [`${address.parameter}_parameter`]: key });
    const path = `${collection(mapping)}/by${address.filter}?${query}`;
    const { content } = await get(listSchema, operation, path, deadline);
    if (content.length > 1) {
      throw new MalformedError(`filter by${address.filter} found several records for one key`);
    }
    return content[0];
  };

  return {
    async fetch(mapping, key, deadline) {
      const record = await find(mapping, key, deadline);
      if (!record) return undefined;
      // A filter whose parameter is called otherwise, or a key that is not the mapped field, would find somebody else's record.
      if (keyIn(mapping, record).toLowerCase() !== key.toLowerCase()) {
        const { name } = mapping.resource;
        throw new MalformedError(`asked for one ${name}, Campaign answered another: is ${mapping.key.field} its key?`);
      }
      return fieldsIn(mapping, record);
    },

    async readPage(mapping, cursor, size, deadline) {
      const operation = `list ${mapping.resource.name}`;
      const path =
        cursor === undefined
          ? `${collection(mapping)}?_lineCount=${size}&${everyPage}`
          : parseSameOriginLink(cursor, client.root);
      const { content, next, serverSidePagination } = await get(listSchema, operation, path, deadline);
      if (!next && serverSidePagination === false) {
        throw new MalformedError(`Campaign withheld the rest of ${mapping.resource.name}: the list is not complete`);
      }
      const onward = next && forced(next.href);
      if (onward !== undefined && onward === cursor) {
        throw new MalformedError(`the list of ${mapping.resource.name} goes on with the page that it has just shown`);
      }
      const records = content.flatMap((record) => {
        const key = keyIn(mapping, record);
        return key === "" ? [] : [{ key, fields: fieldsIn(mapping, record) }];
      });
      return {
        records,
        withoutKey: content.length - records.length,
        ...(onward !== undefined && { next: onward }),
      };
    },
  };
}

/** The link to the next page, asking for all pages like the first one. Nothing else of it is touched: `_lineStart` is Campaign's secret. */
function forced(href: string): string {
  if (href.includes(everyPage)) return href;
  return `${href}${href.includes("?") ? "&" : "?"}${everyPage}`;
}

/** The record's key as it stands there; "" when it has none. */
function keyIn({ key }: CompiledMapping, record: WireRecord): string {
  const value = at(record, key.field);
  return typeof value === "string" ? value.trim() : typeof value === "number" ? String(value) : "";
}

function fieldsIn({ targets }: CompiledMapping, record: WireRecord): Fields {
  const fields: Record<string, FieldValue | LinkValue> = {};
  for (const [target, type] of Object.entries(targets)) {
    const value = at(record, target);
    const held = type === "link" ? toLink(value) : toScalar(value);
    if (held !== undefined) fields[target] = held;
  }
  return fields;
}

function at(record: WireRecord, target: string): unknown {
  const [head = "", tail] = target.split(".");
  const value = record[head];
  if (tail === undefined) return value;
  return typeof value === "object" && value !== null ? (value as WireRecord)[tail] : undefined;
}

/** A link as Campaign shows it: an object with the parent's PKey, or null. Undefined: the record shows no such link. */
function toLink(value: unknown): LinkValue | undefined {
  if (value === null) return null;
  if (typeof value !== "object") return undefined;
  return { key: "PKey" in value ? String(value.PKey) : "" };
}

function toScalar(value: unknown): FieldValue | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : undefined;
}
