// Ids in order, for paging that survives writes between pages: insert, remove and seek in about log n, whatever the number.

const MAX_CHUNK = 512;

/** A sorted set of ids. */
export interface OrderedIds {
  add(id: string): void;
  remove(id: string): void;
  /** Ids greater than `id` in ascending order; all without `id`. Stays valid only until the next add or remove. */
  after(id?: string): Generator<string>;
}

/** The first index in `count` whose value is not less than what is sought, by a test that is false up to there. */
const lowerBound = (count: number, isAtOrPast: (index: number) => boolean): number => {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAtOrPast(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
};

/** Makes an empty sorted set: a list of short sorted chunks. */
export function makeOrderedIds(): OrderedIds {
  const chunks: string[][] = [[]];

  const find = (id: string): { chunk: string[]; chunkIndex: number; index: number } => {
    // The last chunk takes whatever is greater than all.
    const chunkIndex = Math.min(
      lowerBound(chunks.length, (at) => (chunks[at]?.at(-1) ?? "") >= id),
      chunks.length - 1,
    );
    const chunk = chunks[chunkIndex] ?? [];
    return { chunk, chunkIndex, index: lowerBound(chunk.length, (at) => (chunk[at] ?? "") >= id) };
  };

  return {
    add(id) {
      const { chunk, chunkIndex, index } = find(id);
      if (chunk[index] === id) return;
      chunk.splice(index, 0, id);
      if (chunk.length > MAX_CHUNK) chunks.splice(chunkIndex + 1, 0, chunk.splice(MAX_CHUNK / 2));
    },
    remove(id) {
      const { chunk, chunkIndex, index } = find(id);
      if (chunk[index] !== id) return;
      chunk.splice(index, 1);
      if (chunk.length === 0 && chunks.length > 1) chunks.splice(chunkIndex, 1);
    },
    *after(id) {
      const start = id === undefined ? { chunkIndex: 0, index: 0 } : find(id);
      for (let at = start.chunkIndex; at < chunks.length; at += 1) {
        const chunk = chunks[at] ?? [];
        for (let index = at === start.chunkIndex ? start.index : 0; index < chunk.length; index += 1) {
          const found = chunk[index] ?? "";
          if (found !== id) yield found;
        }
      }
    },
  };
}
