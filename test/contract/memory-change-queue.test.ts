import { makeMemoryChangeQueue } from "../../shared/messaging/memory-queue.js";
import { fixedClock } from "../support/fixed-clock.js";
import { describeChangeQueue } from "./change-queue.contract.js";

describeChangeQueue("in memory", async () => {
  const clock = fixedClock("2026-03-01T00:00:00Z");
  const lanes = 4;
  const queue = makeMemoryChangeQueue({ lanes, clock });
  return {
    queue,
    lanes,
    now: clock.now,
    watch: queue.watch,
    async giveBack(lane) {
      const delivery = queue.receive(lane);
      if (delivery) queue.abandon(delivery);
    },
    async pass(ms) {
      clock.advance(ms);
    },
    async drain(lane) {
      const bodies: unknown[] = [];
      for (let delivery = queue.receive(lane); delivery; delivery = queue.receive(lane)) {
        bodies.push(delivery.body);
        queue.complete(delivery);
      }
      return bodies;
    },
  };
});
