/** How fast requests went out lately. */
export interface RecentRate {
  add(at: number): void;
  /** Mean time between the requests of the last ten seconds, in ms; undefined when there were too few to tell. */
  intervalMs(now: number): number | undefined;
}

const spanMs = 10_000;
const most = 200;
const fewest = 5;

/** Remembers the times (epoch ms) of up to 200 requests. */
export function makeRecentRate(): RecentRate {
  let times: number[] = [];
  return {
    add(at) {
      times.push(at);
      if (times.length > 2 * most) times = times.slice(-most);
    },
    intervalMs(now) {
      const lately = times.slice(-most).filter((at) => now - at <= spanMs);
      const [first, last] = [lately[0], lately.at(-1)];
      if (first === undefined || last === undefined || lately.length < fewest || last === first) return undefined;
      return (last - first) / (lately.length - 1);
    },
  };
}
