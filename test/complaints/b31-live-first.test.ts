import { beforeEach, describe, expect, it } from "vitest";
import type { LoadPace } from "../../shared/flows/fill-lanes.js";
import { orderReplay } from "../../shared/flows/full-read.js";
import { handleMessage } from "../../shared/flows/handle-message.js";
import { sweep } from "../../shared/flows/sweep.js";
import type { Delivery } from "../../shared/messaging/memory-queue.js";
import type { RecordId } from "../../shared/model/ids.js";
import { type IngressWorld, makeIngressWorld } from "../support/ingress-world.js";
import { anEnvelope, recordId } from "../support/samples.js";

const lanes = 2;
const pace: LoadPace = { pageSize: 100, maxDepth: 10_000, lanes, pollMs: 50, followMs: 60_000 };
const callMs = 50;
const rows = 600;

let world: IngressWorld;
beforeEach(async () => {
  world = await makeIngressWorld({ lanes });
  for (let number = 0; number < rows; number += 1) world.dynamics.put(recordId(number), { lastname: `Name${number}` });
});

/**
 * Runs a load or replay beside lanes that take `callMs` a message each; somebody edits a contact every second. Answers how long each edit waited for
 * its profile, in ms.
 */
async function latencies(): Promise<number[]> {
  const waiting = new Map<RecordId, number>();
  const waited: number[] = [];
  let [edits, nextEditAt] = [0, world.clock.now() + 2_000];
  /** A lane is done with a message when all of its records have had their call. */
  const busyUntil = new Map<string, number>();
  const inHand = new Map<string, Delivery>();
  const tick = async (): Promise<void> => {
    for (const [lane, delivery] of inHand) {
      if ((busyUntil.get(lane) ?? 0) > world.clock.now()) continue;
      world.queue.complete(delivery);
      inHand.delete(lane);
    }
    if (world.clock.now() >= nextEditAt && edits < 10) {
      const id = recordId(rows - 1 - edits);
      const version = world.dynamics.put(id, { lastname: `Edited${edits}` });
      await world.queue.send([anEnvelope({ id, version })]);
      waiting.set(id, world.clock.now());
      edits += 1;
      nextEditAt = world.clock.now() + 1_000;
    }
    for (const lane of world.queue.readyLanes()) {
      if ((busyUntil.get(lane) ?? 0) > world.clock.now()) continue;
      const delivery = world.queue.receive(lane);
      if (!delivery) continue;
      let records = 0;
      await handleMessage(world.ports, delivery.body, () => {
        records += 1;
      });
      inHand.set(lane, delivery);
      busyUntil.set(lane, world.clock.now() + records * callMs);
    }
    for (const [id, since] of waiting) {
      const profile = world.profiles().find(({ externalId }) => externalId === id);
      if (!String(profile?.lastName).startsWith("Edited")) continue;
      waited.push(world.clock.now() + callMs - since);
      waiting.delete(id);
    }
  };
  // The sweep sleeps for `pollMs`, which is what one message of every lane takes.
  const clock = {
    now: () => world.clock.now(),
    async sleep(ms: number) {
      await tick();
      await world.clock.sleep(ms);
    },
  };
  const { loadsDone } = await sweep({ ...world.ports, clock }, pace, world.clock.now() + 3_600_000);
  expect(loadsDone).toBe(true);
  for (const delivery of inHand.values()) world.queue.complete(delivery);
  await world.drain();
  return waited;
}

describe("B31: a first load floods the queue, and live changes wait behind it", () => {
  it("brings every change within a second and a half while a load of hundreds runs, and the load loses no lane's time", async () => {
    const before = world.clock.now();
    const waited = await latencies();

    expect(waited).toHaveLength(10);
    expect(Math.max(...waited)).toBeLessThanOrEqual(1_500);
    expect(world.profiles()).toHaveLength(rows);
    // 600 records over 2 lanes of 50 ms each are 15 s.
    expect(world.clock.now() - before).toBeLessThan(1.15 * ((rows / lanes) * callMs));
  });

  it("does the same while a replay that writes everything runs", async () => {
    await latencies();
    world.clock.advance(60_000);
    await orderReplay(world.ports, "contact", "force");

    const waited = await latencies();

    expect(Math.max(...waited)).toBeLessThanOrEqual(1_500);
  });
});
