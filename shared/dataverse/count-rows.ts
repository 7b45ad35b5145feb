import { z } from "zod";
import { SyncError } from "../errors.js";
import type { CompiledMapping } from "../mapping/compile.js";
import type { DataverseClient } from "./client.js";

const answerSchema = z.object({
  EntityRecordCountCollection: z.object({ Values: z.array(z.number().int().min(0)).length(1) }),
});

/**
 * About how many rows a table has: Dataverse answers a snapshot of up to a day ago (facts/dataverse.md §3); `$count` is exact but ends at 5,000.
 * Undefined when Dataverse will not tell: an estimate is not worth an error. Throws when it cannot be reached.
 */
export function makeRowCounter(client: DataverseClient): (mapping: CompiledMapping) => Promise<number | undefined> {
  return async ({ table }) => {
    const path = `RetrieveTotalRecordCount(EntityNames=['${table.name}'])`;
    try {
      const answer = answerSchema.safeParse(await client.json({ operation: `count ${table.name}`, path }));
      return answer.data?.EntityRecordCountCollection.Values[0];
    } catch (error) {
      if (error instanceof SyncError && ["refused", "missing", "table", "malformed"].includes(error.kind))
        return undefined;
      throw error;
    }
  };
}
