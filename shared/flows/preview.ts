// What a mapping, usually a draft, would do to some records now: field by field, and in numbers (design.md §6). Writes nothing, queues nothing,
// remembers nothing. The values it answers are people's: they are for the eyes of whoever asked.

import { MalformedError, MissingError, RefusedError, safeMessage } from "../errors.js";
import type { CompiledMapping, Fields } from "../mapping/compile.js";
import type { FieldValue } from "../mapping/convert.js";
import type { LinkValue } from "../mapping/field.js";
import type { RecordId } from "../model/ids.js";
import type { RecordRef } from "../storage/child-links.js";
import type { FieldDifference } from "./compare-fields.js";
import { type Judgement, judgeRecord } from "./judge-record.js";
import { mapLimit } from "./map-limit.js";
import type { IngressPorts, VersionedRow } from "./ports.js";

/** Most records one preview takes: each costs a call to Campaign. */
export const maxPreviewRecords = 100;

const recordsAtOnce = 4;

/** A field before and after. Absent: Campaign does not show it. A link that Campaign holds shows as "linked": to whom it does not say. */
export interface PreviewedField {
  field: string;
  before?: FieldValue | null;
  after: FieldValue | null;
}

/**
 * What would become of one record. `created`, `updated`, `deleted`: Campaign would be written. `filtered`: a filter keeps it out and nothing is
 * deleted. `gone`: it is not in Dynamics (any more) and nothing is deleted. `refused`: it cannot be mapped. `waiting`: its parent comes first.
 * `failed`: it could not be looked at. `altered`: fields that Campaign's data policy has changed and would change again.
 */
export type RecordPreview = { id: RecordId } & (
  | { outcome: "created"; fields: readonly PreviewedField[]; warnings: readonly string[] }
  | {
      outcome: "updated";
      fields: readonly PreviewedField[];
      altered: readonly string[];
      warnings: readonly string[];
    }
  | { outcome: "unchanged"; altered: readonly string[]; warnings: readonly string[] }
  | { outcome: "deleted"; because: "gone" | "filtered" }
  | { outcome: "gone" | "filtered" }
  | { outcome: "refused"; field?: string; message: string }
  | { outcome: "waiting"; parent: RecordRef }
  | { outcome: "failed"; message: string }
);

/** All records in the order asked for, and how many came to what. */
export interface Preview {
  records: readonly RecordPreview[];
  counts: Readonly<Partial<Record<RecordPreview["outcome"], number>>>;
}

/** What a preview reads. */
export type PreviewPorts = Pick<
  IngressPorts,
  "dynamics" | "campaignSource" | "states" | "binding" | "clock" | "campaignBudgetMs"
>;

/**
 * Previews `ids` under `mapping`: fresh from Dynamics, fresh from Campaign, one Campaign call a record. `replay`: as a replay would write them,
 * insert-only fields included. MalformedError: too many ids. What is wrong with one record is that record's outcome.
 */
export async function previewRecords(
  ports: PreviewPorts,
  mapping: CompiledMapping,
  ids: readonly RecordId[],
  { replay = false } = {},
): Promise<Preview> {
  const wanted = [...new Set(ids)];
  if (wanted.length > maxPreviewRecords) {
    throw new MalformedError(
      `a preview takes at most ${maxPreviewRecords} records, and was given ${wanted.length}: preview a sample`,
    );
  }
  const readRow = await rowsOf(ports, mapping, wanted);
  const records = await mapLimit(wanted, recordsAtOnce, async (id): Promise<RecordPreview> => {
    try {
      const row = await readRow(id);
      const state = (await ports.states.read(mapping.table.name, id))?.state;
      const ours = state !== undefined && (state.present || state.intent !== undefined);
      const held = await ports.campaignSource.fetch(mapping, id, ports.clock.now() + ports.campaignBudgetMs);
      return { id, ...toPreview(await judgeRecord(ports, mapping, { row, held, ours }, { insertOnly: replay })) };
    } catch (error) {
      return { id, outcome: "failed", message: safeMessage(error) };
    }
  });
  const counts: Partial<Record<RecordPreview["outcome"], number>> = {};
  for (const { outcome } of records) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return { records, counts };
}

/** Rows in one request; where a single one of them spoils that, each by itself. */
async function rowsOf(
  { dynamics }: PreviewPorts,
  mapping: CompiledMapping,
  ids: readonly RecordId[],
): Promise<(id: RecordId) => Promise<VersionedRow | undefined>> {
  try {
    const rows = new Map((await dynamics.fetchRows(mapping, ids)).map((row) => [row.id, row]));
    return async (id) => rows.get(id);
  } catch (error) {
    if (!(error instanceof MalformedError) && !(error instanceof RefusedError)) throw error;
    return (id) =>
      dynamics.fetchRow(mapping, id).catch((reason: unknown) => {
        if (reason instanceof MissingError) return undefined;
        throw reason;
      });
  }
}

type Outcome<T = RecordPreview> = T extends unknown ? Omit<T, "id"> : never;

function toPreview(judgement: Judgement): Outcome {
  switch (judgement.verdict) {
    case "create":
      return { outcome: "created", fields: created(judgement.fields), warnings: judgement.warnings };
    case "update": {
      const { differing, altered } = judgement.comparison;
      return { outcome: "updated", fields: differing.map(updated), altered, warnings: judgement.warnings };
    }
    case "same":
      return { outcome: "unchanged", altered: judgement.comparison.altered, warnings: judgement.warnings };
    case "delete":
      return { outcome: "deleted", because: judgement.because };
    case "leave":
      return { outcome: judgement.because };
    case "refuse": {
      const { field, message } = judgement;
      return { outcome: "refused", message, ...(field !== undefined && { field }) };
    }
    case "wait":
      return { outcome: "waiting", parent: judgement.parent };
  }
}

function created(fields: Fields): PreviewedField[] {
  return Object.entries(fields).map(([field, value]) => ({
    field,
    after: isLink(value) ? (value?.key ?? null) : value,
  }));
}

function updated({ field, before, after }: FieldDifference): PreviewedField {
  return {
    field,
    after: isLink(after) ? (after?.key ?? null) : after,
    // The PKey that Campaign shows is not to be kept or shown outside of it (facts/campaign.md §3.1).
    ...(before !== undefined && { before: isLink(before) ? before && "linked" : before }),
  };
}

function isLink(value: FieldValue | LinkValue): value is LinkValue {
  return typeof value === "object";
}
