/** A binary heap: `push` and `pop` in O(log n), and O(1) for pushing what belongs at the end anyway. */
export interface Heap<T> {
  readonly size: number;
  push(item: T): void;
  peek(): T | undefined;
  pop(): T | undefined;
  /** Forgets every item that `keep` refuses. O(n). */
  filter(keep: (item: T) => boolean): void;
}

/** Makes a heap whose first item is the one with the smallest `rank`; ranks must not change while an item is inside. */
export function makeHeap<T>(rank: (item: T) => number): Heap<T> {
  let items: T[] = [];

  const at = (index: number): T => items[index] as T;

  const swap = (a: number, b: number): void => {
    const held = at(a);
    items[a] = at(b);
    items[b] = held;
  };

  const rise = (start: number): void => {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (rank(at(parent)) <= rank(at(index))) return;
      swap(parent, index);
      index = parent;
    }
  };

  const sink = (start: number): void => {
    let index = start;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      let least = index;
      if (left < items.length && rank(at(left)) < rank(at(least))) least = left;
      if (right < items.length && rank(at(right)) < rank(at(least))) least = right;
      if (least === index) return;
      swap(index, least);
      index = least;
    }
  };

  return {
    get size() {
      return items.length;
    },
    push(item) {
      items.push(item);
      rise(items.length - 1);
    },
    peek: () => items[0],
    pop() {
      const first = items[0];
      const last = items.pop();
      if (items.length > 0 && last !== undefined) {
        items[0] = last;
        sink(0);
      }
      return first;
    },
    filter(keep) {
      items = items.filter(keep);
      for (let index = (items.length >> 1) - 1; index >= 0; index--) sink(index);
    },
  };
}
