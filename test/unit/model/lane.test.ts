import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucketOf, laneOf } from "../../../shared/model/lane.js";
import { recordId } from "../../support/samples.js";

describe("bucketOf", () => {
  it("never changes: these buckets name partitions that exist", () => {
    expect([1, 2, 3].map((n) => bucketOf("contact", recordId(n)))).toEqual([118, 151, 220]);
  });

  it("spreads ten thousand records over all 256 buckets without a hot one", () => {
    const counts = new Array<number>(256).fill(0);
    for (let n = 0; n < 10_000; n += 1) {
      const bucket = bucketOf("contact", recordId(n));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }

    expect(Math.min(...counts)).toBeGreaterThan(10);
    expect(Math.max(...counts)).toBeLessThan(80);
  });

  it("tells the same id in two tables apart", () => {
    const different = [1, 2, 3, 4].filter((n) => bucketOf("contact", recordId(n)) !== bucketOf("account", recordId(n)));

    expect(different).not.toEqual([]);
  });
});

describe("laneOf", () => {
  it("gives every record one of the lanes, the one its bucket belongs to", () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.integer({ min: 1, max: 256 }), (n, lanes) => {
        expect(laneOf("contact", recordId(n), lanes)).toBe(`lane-${bucketOf("contact", recordId(n)) % lanes}`);
      }),
    );
  });
});
