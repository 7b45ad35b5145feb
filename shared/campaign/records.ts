// Writing records of Campaign, any resource (facts/campaign.md §3, §4). Implements the port CampaignSink.

import { z } from "zod";
import { MalformedError, MissingError } from "../errors.js";
import type { CampaignSink } from "../flows/ports.js";
import { parseJson } from "../http/json.js";
import { parseSameOriginLink } from "../http/link.js";
import type { CompiledMapping, Fields } from "../mapping/compile.js";
import type { FieldValue } from "../mapping/convert.js";
import type { LinkValue } from "../mapping/field.js";
import type { KeyAddress } from "../mapping/table-mapping.js";
import type { CampaignClient } from "./client.js";

const foundSchema = z.object({ content: z.array(z.object({ href: z.string() })) });

/**
 * Writes through one instance. With the key in the URI every write is one call; through an identification filter a PATCH or
 * DELETE is preceded by a GET that finds the record's href.
 */
export function makeCampaignRecords(client: CampaignClient): CampaignSink {
  const collection = ({ resource }: CompiledMapping): string => `${resource.api}/${resource.name}`;

  const locate = async (
    mapping: CompiledMapping,
    key: string,
    address: KeyAddress,
    deadline: number,
  ): Promise<string | URL> => {
    if (address.by === "uri") return `${collection(mapping)}/${encodeURIComponent(key)}`;
    const operation = `find ${mapping.resource.name}`;
    const query = new URLSearchParams({ [`${address.parameter}_parameter`]: key });
    const path = `${collection(mapping)}/by${address.filter}?${query}`;
    const response = await client.call({ operation, method: "GET", path, deadline });
    const found = foundSchema.safeParse(parseJson(response.text));
    if (!found.success) throw new MalformedError(`Campaign's answer to ${operation} is not a list`);
    const [first, second] = found.data.content;
    if (!first) throw new MissingError(`Campaign has no ${mapping.resource.name} with this key`);
    if (second) throw new MalformedError(`filter by${address.filter} found several records for one key`);
    return parseSameOriginLink(first.href, client.root);
  };

  return {
    async insert(mapping, key, fields, deadline) {
      const operation = `create ${mapping.resource.name}`;
      const body = { ...nest(fields), [mapping.key.field]: key };
      return client.call({ operation, method: "POST", path: collection(mapping), body, deadline });
    },

    async update(mapping, key, fields, deadline) {
      const operation = `update ${mapping.resource.name}`;
      const path = await locate(mapping, key, mapping.key.address, deadline);
      return client.call({ operation, method: "PATCH", path, body: nest(fields), deadline });
    },

    async remove(mapping, key, deadline) {
      const operation = `delete ${mapping.resource.name}`;
      const path = await locate(mapping, key, mapping.key.deleteAddress, deadline);
      return client.call({ operation, method: "DELETE", path, deadline });
    },
  };
}

type BodyValue = FieldValue | null | Record<string, FieldValue>;

/** `{ "location.city": x }` to `{ location: { city: x } }`; a link by key to the reference Campaign takes (facts/campaign.md §3.4). */
function nest(fields: Fields): Record<string, BodyValue> {
  const body: Record<string, BodyValue> = {};
  for (const [target, value] of Object.entries(fields)) {
    const [head = "", tail] = target.split(".");
    if (tail === undefined || isLink(value)) {
      body[head] = isLink(value) ? value && { PKey: value.key } : value;
      continue;
    }
    const item = body[head];
    body[head] = { ...(typeof item === "object" ? item : {}), [tail]: value };
  }
  return body;
}

function isLink(value: FieldValue | LinkValue): value is LinkValue {
  return typeof value === "object";
}
