// Reading records of Campaign, any resource: one by key, or all page by page (facts/campaign.md §3.2, §3.4, §4, §5). Implements the port
// CampaignSource. Only the mapped fields leave this file; what they should hold is a flow's business.

import type { CampaignSource } from "../flows/ports.js";
import type { CompiledMapping, Fields } from "../mapping/compile.js";
import type { FieldValue } from "../mapping/convert.js";
import type { LinkValue } from "../mapping/field.js";
import type { CampaignClient } from "./client.js";
import { findRecord, keyIn, valueAt, type WireRecord } from "./find-record.js";
import { readRecordPage } from "./record-page.js";

/** Reads from one instance; every read is one call, whichever way the key is addressed. */
export function makeCampaignSource(client: CampaignClient): CampaignSource {
  return {
    async fetch(mapping, key, deadline) {
      const record = await findRecord(client, mapping, key, deadline);
      return record && fieldsIn(mapping, record);
    },

    async readPage(mapping, cursor, size, deadline) {
      const { content, next } = await readRecordPage(client, mapping, { cursor, size, deadline });
      const records = content.flatMap((record) => {
        const key = keyIn(mapping, record);
        return key === "" ? [] : [{ key, fields: fieldsIn(mapping, record) }];
      });
      return {
        records,
        withoutKey: content.length - records.length,
        ...(next !== undefined && { next }),
      };
    },
  };
}

function fieldsIn({ targets }: CompiledMapping, record: WireRecord): Fields {
  const fields: Record<string, FieldValue | LinkValue> = {};
  for (const [target, type] of Object.entries(targets)) {
    const value = valueAt(record, target);
    const held = type === "link" ? toLink(value) : toScalar(value);
    if (held !== undefined) fields[target] = held;
  }
  return fields;
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
