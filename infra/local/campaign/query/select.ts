// Pages and counts of a selection. Which index they are read from is in source.ts.

import type { Instance, Row } from "../instance.js";
import type { Place } from "../store/ordered-index.js";
import type { Cursor } from "../wire/opaque-keys.js";
import { type IndexStretch, planSelection, type Selection, type Source, take } from "./source.js";

/** Matching records of a selection. */
export interface Matches {
  /** Rows after `cursor`, at most `limit`, and the cursor behind them when more follow. */
  page(cursor: Cursor | undefined, limit: number): { rows: Row[]; next: Cursor | undefined };
  count(): number;
}

/** Prepares a list call: nothing is read yet. */
export function select(instance: Instance, selection: Selection): Matches {
  const { descending } = selection.order;
  const table = instance.store.table(selection.resource.name);
  const plan = planSelection(instance, selection);

  /** The place that a cursor stands at; text that was cut to fit is completed from the record, or pages may overlap. */
  function placeOf(cursor: Cursor): Place {
    if (typeof cursor.value !== "string") return cursor;
    const current = table.get(cursor.id) === undefined ? undefined : plan.sortValueAt(cursor.id);
    if (typeof current === "string" && current.startsWith(cursor.value)) return { value: current, id: cursor.id };
    return descending
      ? { value: `${cursor.value}\uffff`, id: Number.POSITIVE_INFINITY }
      : { value: cursor.value, id: Number.NEGATIVE_INFINITY };
  }

  function isBehind(id: number, place: Place): boolean {
    const value = plan.sortValueAt(id);
    if (value === place.value) return descending ? id < place.id : id > place.id;
    return descending ? value < place.value : value > place.value;
  }

  function* upwards({ index, low, high }: IndexStretch, place: Place | undefined): Generator<number> {
    const start = place === undefined ? low : index.rank({ ...place, id: place.id + 0.5 });
    yield* take(index, Math.max(low, start), high);
  }

  function* downwards({ index, low, high }: IndexStretch, place: Place | undefined): Generator<number> {
    const end = place === undefined ? high : Math.min(high, index.rank(place));
    let left = end - low;
    for (const id of index.from(end - 1, -1)) {
      if (left <= 0) return;
      left -= 1;
      yield id;
    }
  }

  /** Ids in the wanted order, from `place` on. */
  function walk(from: Source, place: Place | undefined): Iterable<number> {
    if ("index" in from) return descending ? downwards(from, place) : upwards(from, place);
    const ids = descending ? from.ids.toReversed() : from.ids;
    if (place === undefined) return ids;
    const start = ids.findIndex((id) => isBehind(id, place));
    return start < 0 ? [] : ids.slice(start);
  }

  return {
    page(cursor, limit) {
      const byOffset = instance.settings.paging === "offset";
      const place = cursor === undefined || byOffset ? undefined : placeOf(cursor);
      let toSkip = byOffset ? (cursor?.offset ?? 0) : 0;
      const rows: Row[] = [];
      for (const id of walk(plan.source(limit), place)) {
        if (!plan.matches(id)) continue;
        if (toSkip > 0) {
          toSkip -= 1;
          continue;
        }
        const last = rows.at(-1);
        if (rows.length === limit && last !== undefined) {
          const offset = (cursor?.offset ?? 0) + limit;
          return { rows, next: { offset, id: last.id, value: plan.sortValueAt(last.id) } };
        }
        rows.push({ id, values: table.get(id) ?? {} });
      }
      return { rows, next: undefined };
    },
    count() {
      const known = plan.knownCount();
      if (known !== undefined) return known;
      const from = plan.source(table.size);
      if ("ids" in from) return from.ids.length;
      let count = 0;
      for (const id of take(from.index, from.low, from.high)) if (plan.matches(id)) count += 1;
      return count;
    },
  };
}
