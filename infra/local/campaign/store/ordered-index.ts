// Ids in the order of a sort key, in chunks: insert, remove, rank and seek cost O(log n) comparisons with a million entries.

/** What records are sorted by. Within one index all values have one type. */
export type SortValue = string | number | boolean;

/**
 * A place between two entries: before or after everything with this value and id. `id` may be ±Infinity to stand before or
 * after all entries of the value.
 */
export interface Place {
  value: SortValue;
  id: number;
}

/** Ids ordered by (value, id). A record must be removed before its value changes, and added after. */
export interface OrderedIndex {
  readonly size: number;
  add(id: number): void;
  remove(id: number): void;
  /** How many entries stand before `place`. */
  rank(place: Place): number;
  /** Entries from position `start` on, upwards or downwards. The index must not change meanwhile. */
  from(start: number, direction: 1 | -1): Generator<number>;
}

const chunkSize = 1024;

/** Makes an empty index over the values that `sortValueAt` answers for an id. */
export function makeOrderedIndex(sortValueAt: (id: number) => SortValue): OrderedIndex {
  const chunks: number[][] = [];
  let size = 0;

  function isBefore(id: number, place: Place): boolean {
    const value = sortValueAt(id);
    return value === place.value ? id < place.id : value < place.value;
  }

  function chunkFor(place: Place): number {
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = chunks[middle]?.at(-1);
      if (last !== undefined && isBefore(last, place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function positionIn(chunk: readonly number[], place: Place): number {
    let low = 0;
    let high = chunk.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const id = chunk[middle];
      if (id !== undefined && isBefore(id, place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    get size() {
      return size;
    },
    add(id) {
      const place = { value: sortValueAt(id), id };
      const at = Math.min(chunkFor(place), Math.max(chunks.length - 1, 0));
      const chunk = chunks[at];
      size += 1;
      if (chunk === undefined) {
        chunks.push([id]);
        return;
      }
      chunk.splice(positionIn(chunk, place), 0, id);
      if (chunk.length > chunkSize) {
        // Rows mostly arrive in order: an overflow at the end leaves the full chunk as it is.
        const cut = at === chunks.length - 1 && chunk.at(-1) === id ? chunkSize : chunkSize / 2;
        chunks.splice(at + 1, 0, chunk.splice(cut));
      }
    },
    remove(id) {
      const place = { value: sortValueAt(id), id };
      const at = chunkFor(place);
      const chunk = chunks[at];
      if (chunk === undefined) return;
      const position = positionIn(chunk, place);
      if (chunk[position] !== id) return;
      chunk.splice(position, 1);
      size -= 1;
      if (chunk.length === 0) chunks.splice(at, 1);
    },
    rank(place) {
      const at = chunkFor(place);
      let before = 0;
      for (let index = 0; index < at; index += 1) before += chunks[index]?.length ?? 0;
      const chunk = chunks[at];
      return chunk === undefined ? before : before + positionIn(chunk, place);
    },
    *from(start, direction) {
      if (start < 0 || start >= size) return;
      let at = 0;
      let position = start;
      for (let length = chunks[0]?.length ?? 0; position >= length; length = chunks[at]?.length ?? 0) {
        position -= length;
        at += 1;
      }
      while (at >= 0 && at < chunks.length) {
        const chunk = chunks[at] ?? [];
        for (; position >= 0 && position < chunk.length; position += direction) {
          const id = chunk[position];
          if (id !== undefined) yield id;
        }
        at += direction;
        position = direction === 1 ? 0 : (chunks[at]?.length ?? 0) - 1;
      }
    },
  };
}
