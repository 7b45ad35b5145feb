import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../shared/model/clock.js";

/** Wall-clock time, for tests of what keeps its own time: sockets, the broker. */
export const realClock: Clock = {
  now: () => Date.now(),
  async sleep(ms) {
    await delay(ms);
  },
};
