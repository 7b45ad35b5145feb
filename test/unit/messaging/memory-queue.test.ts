import { describe, expect, it } from "vitest";
import {
  type Delivery,
  type MemoryChangeQueue,
  makeMemoryChangeQueue,
} from "../../../shared/messaging/memory-queue.js";
import { laneOf } from "../../../shared/model/lane.js";
import { depthOf } from "../../support/depth-of.js";
import { fixedClock } from "../../support/fixed-clock.js";
import { anEnvelope, recordId, version } from "../../support/samples.js";

const minute = 60_000;

function newQueue(lanes = 1) {
  const clock = fixedClock("2026-03-01T00:00:00Z");
  return { clock, queue: makeMemoryChangeQueue({ lanes, clock }) };
}

/** The delivery that must be there. */
function take(queue: MemoryChangeQueue, lane = "lane-0"): Delivery {
  const delivery = queue.receive(lane);
  if (!delivery) throw new Error(`nothing to receive in ${lane}`);
  return delivery;
}

const versionIn = (delivery: Delivery | undefined) => (delivery?.body as { version: string } | undefined)?.version;
const three = [1, 2, 3].map((n) => anEnvelope({ version: version(n) }));

describe("the queue in memory", () => {
  it("hands out one message of a lane at a time, the oldest first", async () => {
    const { queue } = newQueue();
    await queue.send(three);

    const first = take(queue);
    const meanwhile = queue.receive("lane-0");
    queue.complete(first);

    expect([versionIn(first), meanwhile, versionIn(queue.receive("lane-0"))]).toEqual(["1", undefined, "2"]);
  });

  it("hands out messages of two lanes side by side", async () => {
    const { queue } = newQueue(2);
    const one = [1, 2, 3, 4, 5].map(recordId).find((id) => laneOf("contact", id, 2) === "lane-0") ?? recordId(0);
    const other = [1, 2, 3, 4, 5].map(recordId).find((id) => laneOf("contact", id, 2) === "lane-1") ?? recordId(0);
    await queue.send([anEnvelope({ id: one }), anEnvelope({ id: other })]);

    expect(queue.readyLanes()).toEqual(["lane-0", "lane-1"]);
    take(queue, "lane-0");
    expect(queue.readyLanes()).toEqual(["lane-1"]);
    take(queue, "lane-1");
    expect(queue.readyLanes()).toEqual([]);
  });

  it("gives what was abandoned again before anything newer, with a delivery more", async () => {
    const { queue } = newQueue();
    await queue.send(three);
    const first = take(queue);

    queue.abandon(first);

    expect(first.deliveryCount).toBe(1);
    expect(take(queue)).toEqual({ ...first, deliveryCount: 2 });
  });

  it("puts a message among the dead letters after the tenth failed delivery, and goes on with the next", async () => {
    const { queue } = newQueue();
    await queue.send(three);

    for (let delivery = 1; delivery <= 10; delivery += 1) queue.abandon(take(queue));

    expect(queue.deadLetters().map(versionIn)).toEqual(["1"]);
    expect(versionIn(queue.receive("lane-0"))).toBe("2");
    expect(await depthOf(queue, 10)).toBe(2);
  });

  it("gives what was in hand again when its holder died, and counts no delivery for it", async () => {
    const { queue } = newQueue();
    await queue.send(three);
    const lost = take(queue);

    queue.release();

    expect(take(queue)).toEqual(lost);
  });

  it("lets nobody settle what is no longer in his hand", async () => {
    const { queue } = newQueue();
    await queue.send(three);
    const lost = take(queue);
    queue.release();
    const held = take(queue);

    queue.complete(lost);
    queue.abandon(lost);

    expect(queue.receive("lane-0")).toBeUndefined();
    queue.complete(held);
    expect(versionIn(queue.receive("lane-0"))).toBe("2");
  });

  it("drops a repeated message for ten minutes, also a scheduled one, and takes it after that", async () => {
    const { queue, clock } = newQueue();
    await queue.send([anEnvelope()]);
    queue.complete(take(queue));

    clock.advance(10 * minute - 1);
    await queue.send([anEnvelope()]);
    await queue.schedule(anEnvelope(), clock.now() + 5);
    expect(await depthOf(queue, 10)).toBe(0);

    clock.advance(1);
    await queue.send([anEnvelope()]);
    expect(await depthOf(queue, 10)).toBe(1);
  });

  it("lets a scheduled message stand behind what came before its time and in front of what comes after", async () => {
    const { queue, clock } = newQueue();
    await queue.schedule(anEnvelope({ version: version(2) }), clock.now() + 100);
    clock.advance(50);
    await queue.send([anEnvelope({ version: version(1) })]);
    clock.advance(100);
    await queue.send([anEnvelope({ version: version(3) })]);

    const order: unknown[] = [];
    for (let n = 0; n < 3; n += 1) {
      const delivery = take(queue);
      order.push(versionIn(delivery));
      queue.complete(delivery);
    }

    expect(order).toEqual(["1", "2", "3"]);
  });

  it("says when the next scheduled message is due", async () => {
    const { queue, clock } = newQueue();
    const due = clock.now() + 5 * minute;
    expect(queue.nextDueAt()).toBeUndefined();

    await queue.schedule(anEnvelope({ attempt: 2 }), due + minute);
    await queue.schedule(anEnvelope({ attempt: 1 }), due);

    expect(queue.nextDueAt()).toBe(due);
    clock.advance(5 * minute);
    expect(queue.nextDueAt()).toBe(due + minute);
  });

  it("hands out copies that a sender cannot change any more", async () => {
    const { queue } = newQueue();
    const row = { lastname: "before" };
    await queue.send([anEnvelope({ row })]);

    row.lastname = "after";

    expect(take(queue).body).toMatchObject({ row: { lastname: "before" } });
  });
});
