// What a dry run would have done, over an entity table: one row a record. What a note comes to is model/dry-note.ts.

import { MalformedError } from "../errors.js";
import type { DryEntry, DryFilter, DryNotes, DryPlace, DryRef } from "../flows/dry-run-ports.js";
import type { Clock } from "../model/clock.js";
import { type DryNote, dryOutcomes, drySides, withLook, withWrite } from "../model/dry-note.js";
import { parseRecordId } from "../model/ids.js";
import { bucketOf } from "../model/lane.js";
import { changeEntity } from "./change-entity.js";
import type { Entity, EntityTable } from "./entity-table.js";

/** The port, and the list for an operator. */
export interface DryNoteStore extends DryNotes {
  list(filter: DryFilter, after?: DryPlace): AsyncIterable<DryEntry & { place: DryPlace }>;
}

const triesAfterConflict = 8;

/** Notes over the table that `entities` answers, asked before each call: another run has another table. */
export function makeDryNotes(entities: () => Promise<EntityTable>, clock: Pick<Clock, "now">): DryNoteStore {
  const change = async (record: DryRef, next: (note: DryNote | undefined, at: string) => DryNote | undefined) => {
    const decide = (current: Entity | undefined): Entity["values"] | undefined => {
      const note = next(current && toNote(current), new Date(clock.now()).toISOString());
      return note && toValues(note);
    };
    await changeEntity(await entities(), placeOf(record), decide, triesAfterConflict);
  };
  return {
    async read(record) {
      const found = await (await entities()).get(...placeOf(record));
      return found && toNote(found);
    },
    wrote: (record, write) => change(record, (note, at) => withWrite(note, write, at)),
    looked: (record, look) => change(record, (note, at) => withLook(note, look, at)),
    async *list({ side, table, outcome }, after) {
      // Only those of a table have its name in front of their bucket.
      const prefix = side === undefined ? undefined : `${side}-${table === undefined ? "" : `${table}-`}`;
      const part = {
        ...(prefix !== undefined && { prefix }),
        ...(outcome && { equals: { outcome } }),
        ...(after && { after }),
      };
      for await (const entity of (await entities()).list(undefined, part)) {
        const { partition, row } = entity;
        const ref = refOf(entity);
        if (table === undefined || ref.table === table)
          yield { ...ref, note: toNote(entity), place: { partition, row } };
      }
    },
  };
}

/** `campaign-contact-17`. */
function placeOf({ side, table, id }: DryRef): [string, string] {
  return [`${side}-${table}-${bucketOf(table, id)}`, id];
}

function refOf({ partition, row }: Entity): DryRef {
  const side = drySides.find((one) => partition.startsWith(`${one}-`));
  if (side === undefined) throw new MalformedError("a note of a dry run names no system");
  return { side, table: partition.slice(side.length + 1, partition.lastIndexOf("-")), id: parseRecordId(row) };
}

function toValues({ outcome, wrote, fields, optOuts, reason, at }: DryNote): Entity["values"] {
  return {
    outcome,
    at,
    fields: fields.join(" "),
    ...(wrote !== undefined && { wrote }),
    ...(Object.keys(optOuts).length > 0 && { optOuts: JSON.stringify(optOuts) }),
    ...(reason !== undefined && { reason: reason.slice(0, longestReason) }),
  };
}

const longestReason = 1_000;
const writes = ["created", "updated", "deleted", "undone"] as const;

function toNote({ values }: Entity): DryNote {
  const outcome = dryOutcomes.find((one) => one === values.outcome);
  if (outcome === undefined) throw new MalformedError("a note of a dry run has an unknown outcome");
  const wrote = writes.find((one) => one === values.wrote);
  const { reason, optOuts } = values;
  return {
    outcome,
    at: String(values.at),
    fields: String(values.fields ?? "")
      .split(" ")
      .filter((name) => name !== ""),
    optOuts: typeof optOuts === "string" ? (JSON.parse(optOuts) as DryNote["optOuts"]) : {},
    ...(wrote && { wrote }),
    ...(typeof reason === "string" && { reason }),
  };
}
