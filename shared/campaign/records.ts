// Writing records of Campaign, any resource (facts/campaign.md §3, §4). Implements the port CampaignSink.

import type { CampaignSink } from "../flows/ports.js";
import type { Fields } from "../mapping/compile.js";
import type { FieldValue } from "../mapping/convert.js";
import type { LinkValue } from "../mapping/field.js";
import type { CampaignClient } from "./client.js";
import { collectionOf, locateRecord } from "./find-record.js";

/**
 * Writes through one instance. With the key in the URI every write is one call; through an identification filter a PATCH or
 * DELETE is preceded by a GET that finds the record's href.
 */
export function makeCampaignRecords(client: CampaignClient): CampaignSink {
  return {
    async insert(mapping, key, fields, deadline) {
      const operation = `create ${mapping.resource.name}`;
      const body = { ...nest(fields), [mapping.key.field]: key };
      return client.call({ operation, method: "POST", path: collectionOf(mapping), body, deadline });
    },

    async update(mapping, key, fields, deadline) {
      const operation = `update ${mapping.resource.name}`;
      const path = await locateRecord(client, mapping, key, { address: mapping.key.address, deadline });
      return client.call({ operation, method: "PATCH", path, body: nest(fields), deadline });
    },

    async remove(mapping, key, deadline) {
      const operation = `delete ${mapping.resource.name}`;
      const path = await locateRecord(client, mapping, key, { address: mapping.key.deleteAddress, deadline });
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
