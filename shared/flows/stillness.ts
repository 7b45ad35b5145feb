/** What should move, by name: where it was last seen, and since when (epoch ms) it has been there while it should move. */
export type Memory = Readonly<Record<string, { position: string; since: number }>>;

/** Tells what stands still from what need not move, from look to look. */
export interface Stillness {
  /** So long (ms) it has not moved; what need not move (`isDue` false) has just moved. */
  still(name: string, position: string, isDue: boolean): number;
  /** Did anything whose name begins so move, or go away, since the look before? */
  hasMoved(prefix: string): boolean;
  /** Nothing whose name begins so was looked at: what is known of it stays as it is. */
  keep(prefix: string): void;
  /** For the next look. */
  memory(): Memory;
}

/** One look at `now` (epoch ms); `before` is what the look before left. */
export function makeStillness(before: Memory, now: number): Stillness {
  const next: Record<string, Memory[string]> = {};
  const known = (prefix: string): [string, Memory[string]][] =>
    Object.entries(before).filter(([name]) => name.startsWith(prefix));
  return {
    still(name, position, isDue) {
      const last = before[name];
      const since = isDue && last?.position === position ? last.since : now;
      next[name] = { position, since };
      return now - since;
    },
    hasMoved: (prefix) => known(prefix).some(([name, { position }]) => next[name]?.position !== position),
    keep(prefix) {
      for (const [name, last] of known(prefix)) next[name] = last;
    },
    memory: () => next,
  };
}
