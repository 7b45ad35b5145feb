/** Items in the order of their sequence numbers: found by number in O(1), walked from any number in O(log n). */
export interface SequenceLog<T> {
  readonly size: number;
  add(sequenceNumber: number, item: T): void;
  get(sequenceNumber: number): T | undefined;
  delete(sequenceNumber: number): void;
  /** Every item whose number is `sequenceNumber` or higher, lowest first. */
  from(sequenceNumber: number): Iterable<T>;
}

/** Makes an empty log. Numbers usually arrive growing; one that does not is put where it belongs. */
export function makeSequenceLog<T>(): SequenceLog<T> {
  const items = new Map<number, T>();
  // Sorted; may name deleted items until the next compaction, so that a delete costs O(1).
  let order: number[] = [];

  const firstIndexFrom = (sequenceNumber: number): number => {
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((order[middle] as number) < sequenceNumber) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    get size() {
      return items.size;
    },
    add(sequenceNumber, item) {
      items.set(sequenceNumber, item);
      const last = order[order.length - 1];
      if (last === undefined || last < sequenceNumber) {
        order.push(sequenceNumber);
        return;
      }
      const index = firstIndexFrom(sequenceNumber);
      if (order[index] !== sequenceNumber) order.splice(index, 0, sequenceNumber);
    },
    get: (sequenceNumber) => items.get(sequenceNumber),
    delete(sequenceNumber) {
      items.delete(sequenceNumber);
      if (order.length > 2 * items.size + 64) order = order.filter((number) => items.has(number));
    },
    *from(sequenceNumber) {
      for (let index = firstIndexFrom(sequenceNumber); index < order.length; index++) {
        const item = items.get(order[index] as number);
        if (item !== undefined) yield item;
      }
    },
  };
}
