// What Campaign says of a resource's fields (facts/campaign.md §6). Implements the port ResourceMetadataSource.

import { z } from "zod";
import { MalformedError, TableError } from "../errors.js";
import type { ResourceMetadataSource } from "../flows/ports.js";
import { parseJson } from "../http/json.js";
import type { ResourceField } from "../mapping/against-resource.js";
import type { Clock } from "../model/clock.js";
import type { CampaignClient } from "./client.js";

const fieldSchema = z.object({
  type: z.string().optional(),
  resType: z.string().optional(),
  /** A number as text. */
  length: z.union([z.string(), z.number()]).optional(),
  readOnly: z.boolean().optional(),
  content: z.record(z.string(), z.unknown()).optional(),
});
const resourceSchema = z.object({ content: z.record(z.string(), z.unknown()) });

/** Reads one instance, one call a resource; `budgetMs` bounds a call with all its attempts. */
export function makeResourceMetadataSource(
  client: CampaignClient,
  clock: Pick<Clock, "now">,
  budgetMs: number,
): ResourceMetadataSource {
  return {
    async fields({ api, name }) {
      const operation = `read the metadata of ${name}`;
      const path = `${api}/resourceType/${name}`;
      const deadline = clock.now() + budgetMs;
      const response = await client.call({ operation, method: "GET", path, deadline }).catch((error: unknown) => {
        if (error instanceof TableError) return undefined;
        throw error;
      });
      if (!response) return undefined;
      const parsed = resourceSchema.safeParse(parseJson(response.text));
      if (!parsed.success) throw new MalformedError(`Campaign's answer to ${operation} lists no fields`);
      return new Map(fieldsIn(parsed.data.content, ""));
    },
  };
}

/** Entries that are no fields, or fields of a shape nobody has seen, are left out. */
function fieldsIn(content: Readonly<Record<string, unknown>>, before: string): [string, ResourceField][] {
  return Object.entries(content).flatMap(([name, entry]): [string, ResourceField][] => {
    const parsed = fieldSchema.safeParse(entry);
    if (!parsed.success) return [];
    const { type = "", resType = "", length = 0, readOnly = false, content: inner } = parsed.data;
    const technical = ["enumeration", "item", "collection"].includes(type) ? type : resType;
    const path = `${before}${name}`;
    const own: [string, ResourceField] = [path, { type: technical, length: Number(length) || 0, readOnly }];
    return [own, ...(inner ? fieldsIn(inner, `${path}.`) : [])];
  });
}
