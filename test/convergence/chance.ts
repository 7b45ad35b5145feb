import { makeRandom } from "../../infra/local/sim/random.js";

/** Everything that is left to chance, from one seed. */
export interface Chance {
  /** In [0, 1). */
  draw(): number;
  /** True `rate` times out of one. */
  happens(rate: number): boolean;
  /** A whole number, both ends included. */
  between(least: number, most: number): number;
  pick<T>(items: readonly T[]): T;
  /** Mostly near `least`, now and then near `most`: the logarithm is even. */
  skewed(least: number, most: number): number;
  /** A chance of its own, so that what is drawn here does not move what is drawn there. */
  fork(): Chance;
}

/** Makes the chance of a seed. */
export function makeChance(seed: number): Chance {
  const draw = makeRandom(seed);
  const chance: Chance = {
    draw,
    happens: (rate) => draw() < rate,
    between: (least, most) => least + Math.floor(draw() * (most - least + 1)),
    pick(items) {
      const item = items[Math.floor(draw() * items.length)];
      if (item === undefined) throw new RangeError("nothing to pick from");
      return item;
    },
    skewed: (least, most) => Math.round(least * (most / least) ** draw()),
    fork: () => makeChance(Math.floor(draw() * 4_294_967_296)),
  };
  return chance;
}
