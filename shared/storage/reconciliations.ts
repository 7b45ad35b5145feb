// Differences between the opt-outs of both sides, as a run of the reconciliation found them, behind the port DifferenceStore. Ids, values, times and names of
// rules only. Partition = run and kind, row = contact and attribute. Finding them is flows/reconcile-opt-outs.ts.

import { ConflictError, MalformedError } from "../errors.js";
import { mapLimit } from "../flows/map-limit.js";
import {
  type DifferenceFilter,
  type DifferenceKind,
  type DifferenceStore,
  differenceKinds,
  type OptOutDifference,
} from "../flows/reconcile-ports.js";
import type { Clock } from "../model/clock.js";
import { parseRecordId, parseRowVersion, type RecordId } from "../model/ids.js";
import { type OptOutAttribute, optOutAttributes, optOutDirections } from "../optout/attributes.js";
import { optOutRules } from "../optout/decide.js";
import { changeEntity, removeUnchanged } from "./change-entity.js";
import type { Entity, EntityTable } from "./entity-table.js";

const atOnce = 16;

/** Differences over an entity table. */
export function makeDifferenceStore(entities: EntityTable, clock: Pick<Clock, "now">): DifferenceStore {
  const keepOne = async (run: number, difference: OptOutDifference): Promise<void> => {
    const [place, values] = [placeOf(run, difference), toValues(difference)];
    try {
      await entities.insert(...place, values);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      await changeEntity(entities, place, () => values);
    }
  };
  const removeAll = async (batch: readonly Entity[]): Promise<void> => {
    await mapLimit(batch, atOnce, (entity) => removeUnchanged(entities, entity));
  };

  return {
    async keep(run, found) {
      await mapLimit(found, atOnce, (difference) => keepOne(run, difference));
    },
    async *list(run, { kind, attribute }: DifferenceFilter, after) {
      const prefix = kind === undefined ? partitionsOf(run) : partitionOf(run, kind);
      const part = { prefix, ...(attribute && { equals: { attribute } }), ...(after && { after }) };
      for await (const entity of entities.list(undefined, part)) {
        yield { place: { partition: entity.partition, row: entity.row }, difference: toDifference(entity) };
      }
    },
    async read(run, kind, record, attribute) {
      const entity = await entities.get(...placeOf(run, { kind, record, attribute }));
      return entity && toDifference(entity);
    },
    async confirm(run, difference, { by, at }) {
      await changeEntity(entities, placeOf(run, difference), (current) =>
        current && current.values.confirmedBy === undefined
          ? { ...current.values, confirmedBy: by, confirmedAt: at }
          : undefined,
      );
    },
    async purge(run, deadline) {
      let batch: Entity[] = [];
      for await (const entity of entities.list(undefined, { prefix: runs })) {
        if (entity.partition >= partitionsOf(run)) break;
        batch.push(entity);
        if (batch.length < 10 * atOnce) continue;
        await removeAll(batch);
        batch = [];
        if (clock.now() >= deadline) return false;
      }
      await removeAll(batch);
      return true;
    },
  };
}

const runs = "run-";

/** Beginning of the partitions of one run; rises from run to run. */
function partitionsOf(run: number): string {
  return `${runs}${String(run).padStart(8, "0")}-`;
}

function partitionOf(run: number, kind: DifferenceKind): string {
  return partitionsOf(run) + kind;
}

function placeOf(
  run: number,
  { kind, record, attribute }: { kind: DifferenceKind; record: RecordId; attribute: OptOutAttribute },
): [string, string] {
  return [partitionOf(run, kind), `${record}-${attribute}`];
}

function toValues(difference: OptOutDifference): Entity["values"] {
  const { dynamics, campaign, wouldWrite, confirmed, ...rest } = difference;
  return {
    ...rest,
    dynamics: dynamics.value,
    dynamicsVersion: dynamics.version,
    campaign: campaign.value,
    ...(dynamics.changedAt !== undefined && { dynamicsAt: dynamics.changedAt }),
    ...(campaign.changedAt !== undefined && { campaignAt: campaign.changedAt }),
    ...(wouldWrite && { writeSide: wouldWrite.side, writeValue: wouldWrite.value }),
    ...(confirmed && { confirmedBy: confirmed.by, confirmedAt: confirmed.at }),
  };
}

function toDifference({ values }: Entity): OptOutDifference {
  const record = parseRecordId(values.record);
  const version = parseRowVersion(values.dynamicsVersion);
  if (version === undefined) throw new MalformedError("a difference has no version", { id: record });
  const oneOf = <T extends string>(known: readonly T[], name: string): T => {
    const found = known.find((one) => one === values[name]);
    if (found === undefined) throw new MalformedError(`a difference has an unknown ${name}`, { id: record });
    return found;
  };
  const time = (name: string) => values[name] !== undefined && { changedAt: String(values[name]) };
  return {
    kind: oneOf(differenceKinds, "kind"),
    table: String(values.table),
    record,
    attribute: oneOf(optOutAttributes, "attribute"),
    column: String(values.column),
    direction: oneOf(directions, "direction"),
    dynamics: { value: values.dynamics === true, version, ...time("dynamicsAt") },
    campaign: { value: values.campaign === true, ...time("campaignAt") },
    rule: oneOf(optOutRules, "rule"),
    ...(values.writeSide !== undefined && {
      wouldWrite: { side: oneOf(["dynamics", "campaign"], "writeSide"), value: values.writeValue === true },
    }),
    ...(values.confirmedBy !== undefined && {
      confirmed: { by: String(values.confirmedBy), at: String(values.confirmedAt) },
    }),
  };
}

const directions = optOutDirections.filter((direction) => direction !== "disabled");
