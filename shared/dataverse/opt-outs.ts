// Opt-outs in Dynamics' contacts: written under the version that was read, the master of a merged row, what audit history says (facts/dataverse.md §5,
// §6.1, §8). Implements the port DynamicsOptOutStore. Who wins is optout/decide.ts, the history itself audit-history.ts.

import { z } from "zod";
import { MalformedError, MissingError, RefusedError } from "../errors.js";
import type { DynamicsOptOutStore } from "../flows/optout-ports.js";
import { parseJson } from "../http/json.js";
import { parseRowVersion, type RecordId } from "../model/ids.js";
import { makeAuditHistory } from "./audit-history.js";
import type { DataverseClient } from "./client.js";
import { lastMaster, type MergedRow, masterColumns, mergedRowSchema, readMasters } from "./masters.js";

const writtenSchema = z.record(z.string(), z.unknown());

/** Works with one environment. `tag` marks our writes for our own webhooks. */
export function makeDynamicsOptOuts(client: DataverseClient, { tag }: { tag: string }): DynamicsOptOutStore {
  const history = makeAuditHistory(client);

  return {
    async write({ table }, id, columns, version) {
      const operation = `write opt-outs of ${table.name}`;
      const names = Object.keys(columns);
      const response = await client.call({
        operation,
        method: "PATCH",
        path: `${table.set}(${id})?$select=${[table.id, ...names].join(",")}&tag=${encodeURIComponent(tag)}`,
        prefer: ["return=representation"],
        headers: { "if-match": `W/"${version}"` },
        body: columns,
      });
      const row = writtenSchema.safeParse(parseJson(response.text)).data;
      const now = parseRowVersion(response.headers.etag) ?? parseRowVersion(row?.["@odata.etag"]);
      if (!row || now === undefined) throw new MalformedError(`Dataverse's answer to ${operation} has no version`);
      // Columns that cannot be updated are passed over without a word (facts/dataverse.md §6.1); a plug-in may have put the old value back.
      const kept = names.filter((name) => row[name] !== columns[name]);
      if (kept.length === 0) return now;
      const code = "value-not-taken";
      throw new RefusedError(`Dynamics took the write and kept its own value in ${kept.join(", ")}`, code, {
        system: "dynamics",
        operation,
      });
    },

    async masterOf({ table }, id) {
      const schema = mergedRowSchema(table.id);
      const readOne = async (one: RecordId): Promise<MergedRow[]> => {
        const operation = `look for the master of a ${table.name}`;
        const path = `${table.set}(${one})?$select=${table.id},${masterColumns}`;
        const parsed = schema.safeParse(await client.json({ operation, path }));
        if (parsed.success) return [parsed.data];
        throw new MalformedError(`Dataverse's answer to ${operation} is not the row that was asked for`);
      };
      const rows = await readMasters([id], async (ids) =>
        (await Promise.all(ids.map((one) => readOne(one).catch(noneIfGone)))).flat(),
      );
      const last = lastMaster(id, rows);
      return last === id ? undefined : last;
    },

    lastOptIn: (mapping, id, column) => history.lastCleared(mapping.table, id, column),
  };
}

function noneIfGone(error: unknown): [] {
  if (error instanceof MissingError) return [];
  throw error;
}
