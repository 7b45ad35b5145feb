// What a mapping makes of one record that has been read on both sides, writing nothing: what the writer would do, without its calls. For the
// preview of a draft and for verifying what is there; the writer itself is write-record.ts.

import { MalformedError, RefusedError } from "../errors.js";
import { type CompiledMapping, type Fields, isMergedAway, withoutEmpty, withoutLink } from "../mapping/compile.js";
import type { Parent } from "../mapping/parents.js";
import type { Row } from "../model/row.js";
import type { RecordRef } from "../storage/child-links.js";
import { type Comparison, compareFields } from "./compare-fields.js";
import { standingOf } from "./family.js";
import type { IngressPorts, VersionedRow } from "./ports.js";

/** A record on both sides. No `row`: Dynamics has none; no `held`: Campaign has none. `ours`: we created or adopted the one in Campaign. */
export interface SeenRecord {
  row: VersionedRow | undefined;
  held: Fields | undefined;
  ours: boolean;
}

/**
 * What the writer would do. `create`, `update`, `delete`: a call. `same`: nothing differs. `leave`: the record does not belong in Campaign
 * (`because`) and nothing is deleted: `stays` if the mapping keeps such records. `refuse`: the row cannot be mapped. `wait`: for this parent.
 */
export type Judgement =
  | { verdict: "create"; fields: Fields; warnings: readonly string[] }
  | { verdict: "update" | "same"; comparison: Comparison; warnings: readonly string[] }
  | { verdict: "delete"; because: Unwanted }
  | { verdict: "leave"; because: Unwanted; stays: boolean }
  | { verdict: "refuse"; field: string | undefined; message: string }
  | { verdict: "wait"; parent: RecordRef };

/** Why a record does not belong in Campaign: its row is deleted or merged away, or a filter, its own or a parent's, keeps it out. */
export type Unwanted = "gone" | "filtered";

/** Judges one record. `insertOnly`: fields that only an insert or a replay writes are compared too. Reads the states of its parents. */
export async function judgeRecord(
  ports: Pick<IngressPorts, "states" | "binding">,
  mapping: CompiledMapping,
  seen: SeenRecord,
  { insertOnly = false } = {},
): Promise<Judgement> {
  const { row, held } = seen;
  if (!row || isMergedAway(row.row)) return unwanted(mapping, seen, "gone");
  if (!mapping.accepts(row.row)) return unwanted(mapping, seen, "filtered");
  try {
    const family = await askParents(ports, mapping, row.row);
    if (family === "withheld") return unwanted(mapping, seen, "filtered");
    if ("waitsFor" in family) return { verdict: "wait", parent: family.waitsFor };
    const wanted = family.without.reduce(withoutLink, mapping.map(row.row));
    const { warnings } = wanted;
    if (!held) {
      return { verdict: "create", fields: withoutEmpty({ ...wanted.always, ...wanted.insertOnly }), warnings };
    }
    const comparison = compareFields(mapping, wanted, held, { insertOnly });
    return { verdict: comparison.differing.length > 0 ? "update" : "same", comparison, warnings };
  } catch (error) {
    if (!(error instanceof RefusedError) && !(error instanceof MalformedError)) throw error;
    const { field } = error.context;
    return { verdict: "refuse", field: typeof field === "string" ? field : undefined, message: error.message };
  }
}

function unwanted(
  { applyDeletes, whenFilteredOut }: CompiledMapping,
  { held, ours }: SeenRecord,
  because: Unwanted,
): Judgement {
  const deletes = because === "gone" ? applyDeletes : whenFilteredOut === "delete";
  return held && ours && deletes ? { verdict: "delete", because } : { verdict: "leave", because, stays: !deletes };
}

/** The writer's rule about parents (family.ts), looked up without registering anywhere. */
async function askParents(
  { states, binding }: Pick<IngressPorts, "states" | "binding">,
  mapping: CompiledMapping,
  row: Row,
): Promise<"withheld" | { waitsFor: RecordRef } | { without: readonly Parent[] }> {
  const parents = mapping.parents(row).filter(({ mustExist }) => mustExist);
  if (parents.length === 0) return { without: [] };
  const { epoch } = await binding();
  const without: Parent[] = [];
  let awaited: Parent | undefined;
  for (const parent of parents) {
    const standing = standingOf((await states.read(parent.table, parent.id))?.state, epoch);
    if (standing === "coming") awaited ??= parent;
    if (standing !== "out") continue;
    if (parent.whenFilteredOut === "withheld") return "withheld";
    without.push(parent);
  }
  return awaited ? { waitsFor: { table: awaited.table, id: awaited.id } } : { without };
}
