// Which rows an execution context is about, whatever its message (facts/dataverse.md §1.3, §1.8). One rule for all messages: every place
// where a context may name a row is looked at. Pure. What the rows were like is notice.ts.

import { z } from "zod";
import { parseRecordId, type RecordId } from "../model/ids.js";

/** A table and the id of one of its rows. */
export interface NamedRecord {
  table: string;
  id: RecordId;
}

/** Name and value, as the platform writes every collection. */
export type Pair = z.infer<typeof pairSchema>;
/** One pair; a member without value is one that was cleared. */
export const pairSchema = z.object({ key: z.string(), value: z.unknown() });

/** The members of a context that may name rows. */
export interface NamingMembers {
  PrimaryEntityName?: string | null | undefined;
  PrimaryEntityId?: string | null | undefined;
  InputParameters?: readonly Pair[] | null | undefined;
  OutputParameters?: readonly Pair[] | null | undefined;
}

/**
 * Every row that the context names, each once: its primary row, Target or EntityMoniker, the two of a Merge, the ends of an Associate, the
 * rows of a bulk. What names no table or has no id (a row addressed by an alternate key) is left out.
 */
export function namedRecords(context: NamingMembers): NamedRecord[] {
  const table = context.PrimaryEntityName ?? "none";
  const input = valuesOf(context.InputParameters);
  const output = valuesOf(context.OutputParameters);
  const primary = named(table, context.PrimaryEntityId);
  const target = rowIn(input.get("Target"), table) ?? rowIn(input.get("EntityMoniker"), table);
  const made = rowIn(output.get("Target"), table) ?? named(table, output.get("id"));
  const loser = rowIn(input.get("Subordinate"), table) ?? named(target?.table ?? table, input.get("SubordinateId"));
  const all = [
    primary,
    target,
    made,
    loser,
    ...listIn(input.get("RelatedEntities")).map((item) => rowIn(item, "none")),
    ...bulkRows(input.get("Targets"), output, table),
  ].filter((record) => record !== undefined);
  return [...new Map(all.map((record) => [`${record.table} ${record.id}`, record])).values()];
}

/** The rows of a bulk. New ones may have their ids among the outputs only, in the same order (`Ids`, or `Results` of an upsert). */
function bulkRows(targets: unknown, output: ReadonlyMap<string, unknown>, table: string): (NamedRecord | undefined)[] {
  const ids = listIn(output.get("Ids"));
  const results = listIn(output.get("Results"));
  return listIn(targets).map(
    (row, at) =>
      rowIn(row, table) ??
      named(tableIn(row) ?? table, ids[at]) ??
      rowIn(resultSchema.safeParse(results[at]).data?.Target, table),
  );
}

const resultSchema = z.object({ Target: z.unknown() });
const rowSchema = z.object({
  Id: z.unknown(),
  LogicalName: z.string().min(1).nullish().catch(null),
  Attributes: z.array(pairSchema).nullish().catch(null),
});

/** An Entity or an EntityReference. An Entity on its way in may have its id as a column only. */
function rowIn(value: unknown, fallbackTable: string): NamedRecord | undefined {
  const row = rowSchema.safeParse(value).data;
  if (!row) return undefined;
  const table = row.LogicalName ?? fallbackTable;
  return named(table, row.Id) ?? named(table, valuesOf(row.Attributes).get(`${table}id`));
}

function tableIn(value: unknown): string | undefined {
  return rowSchema.safeParse(value).data?.LogicalName ?? undefined;
}

/** A list, or the list inside an EntityCollection. */
function listIn(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const entities = typeof value === "object" && value !== null && "Entities" in value ? value.Entities : undefined;
  return Array.isArray(entities) ? entities : [];
}

/** The id, if it is one. */
export function readRecordId(value: unknown): RecordId | undefined {
  try {
    return parseRecordId(value);
  } catch {
    return undefined;
  }
}

const noId = "00000000-0000-0000-0000-000000000000";

function named(table: string, id: unknown): NamedRecord | undefined {
  const read = readRecordId(id);
  return table === "" || table === "none" || read === undefined || read === noId ? undefined : { table, id: read };
}

function valuesOf(pairs: readonly Pair[] | null | undefined): ReadonlyMap<string, unknown> {
  return new Map(pairs?.map(({ key, value }) => [key, value]));
}
