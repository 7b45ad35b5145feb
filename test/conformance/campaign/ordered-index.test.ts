import { describe, expect, it } from "vitest";
import { makeOrderedIndex } from "../../../infra/local/campaign/store/ordered-index.js";
import { makeRandom } from "../../../infra/local/sim/random.js";

describe("ordered index", () => {
  it("agrees with a sorted array after thousands of random inserts, removals and changes", () => {
    const random = makeRandom(7);
    const values = new Map<number, number>();
    const index = makeOrderedIndex((id) => values.get(id) ?? -1);
    const draw = (below: number): number => Math.floor(random() * below);

    for (let step = 0; step < 12_000; step += 1) {
      const id = draw(6_000);
      if (values.has(id)) index.remove(id);
      if (values.has(id) && draw(3) === 0) values.delete(id);
      else {
        values.set(id, draw(500));
        index.add(id);
      }
    }

    const sorted = [...values].sort(([a, x], [b, y]) => x - y || a - b).map(([id]) => id);
    expect([...index.from(0, 1)]).toEqual(sorted);
    expect([...index.from(index.size - 1, -1)]).toEqual(sorted.toReversed());
    for (const value of [-1, 0, 17, 250, 499, 500]) {
      const before = sorted.filter((id) => (values.get(id) ?? 0) < value).length;
      expect(index.rank({ value, id: Number.NEGATIVE_INFINITY })).toBe(before);
      expect([...index.from(before, 1)]).toEqual(sorted.slice(before));
    }
  });

  it("is empty again when everything was removed", () => {
    const index = makeOrderedIndex((id) => id);
    for (let id = 0; id < 5_000; id += 1) index.add(id);

    for (let id = 0; id < 5_000; id += 1) index.remove(id);

    expect([index.size, [...index.from(0, 1)]]).toEqual([0, []]);
  });
});
