import { depthOf } from "../support/depth-of.js";
// What both twins of ChangeQueue promise. Run by memory-change-queue.test.ts and service-bus-change-queue.test.ts.

import { beforeEach, describe, expect, it } from "vitest";
import type { QueueWatch } from "../../shared/flows/monitor-ports.js";
import type { ChangeQueue } from "../../shared/flows/ports.js";
import { queues } from "../../shared/messaging/queues.js";
import { type Envelope, maxEnvelopeBytes, parseEnvelope } from "../../shared/model/envelope.js";
import { laneOf } from "../../shared/model/lane.js";
import { anEnvelope, recordId, version } from "../support/samples.js";

/** A queue under test with the other end in hand. */
export interface QueueUnderTest {
  queue: ChangeQueue;
  lanes: number;
  now(): number;
  /** Resolves once the queue's time is `ms` later. */
  pass(ms: number): Promise<void>;
  /** Takes and completes all that is visible in the lane now, and answers the bodies in order. */
  drain(lane: string): Promise<readonly unknown[]>;
  /** Takes the lane's first message and gives it back, as a failed run does. */
  giveBack(lane: string): Promise<void>;
  /** The monitor's look at the same queue. */
  watch: QueueWatch;
}

/** Every test gets a queue that is empty, from `make`. */
export function describeChangeQueue(twin: string, make: () => Promise<QueueUnderTest>): void {
  describe(`ChangeQueue ${twin}`, () => {
    let world: QueueUnderTest;
    beforeEach(async () => {
      world = await make();
    });

    const allLanes = () => Array.from({ length: world.lanes }, (_, lane) => `lane-${lane}`);
    const drainAll = async (): Promise<Envelope[]> => {
      const bodies: Envelope[] = [];
      for (const lane of allLanes()) bodies.push(...(await world.drain(lane)).map(parseEnvelope));
      return bodies;
    };
    const laneOfRecord = (n: number) => laneOf("contact", recordId(n), world.lanes);

    it("delivers an envelope as it was sent, on the lane of its record and no other", async () => {
      const sent = anEnvelope({
        row: { lastname: "Zoë 🙂", age: 0, vip: false, fax: null },
        columns: "abc",
        force: true,
      });

      await world.queue.send([sent]);

      for (const lane of allLanes().filter((name) => name !== laneOfRecord(1))) {
        expect(await world.drain(lane)).toEqual([]);
      }
      expect((await world.drain(laneOfRecord(1))).map(parseEnvelope)).toEqual([sent]);
    });

    it("shows the first message of each lane by a number that stays until it is done, however often it is tried", async () => {
      const [one, other] = [anEnvelope({ version: version(1) }), anEnvelope({ version: version(2) })];
      await world.queue.send([one, other]);
      const lane = laneOfRecord(1);

      const before = await world.watch.look(100);
      await world.giveBack(lane);
      const tried = await world.watch.look(100);
      await world.drain(lane);
      await world.queue.send([anEnvelope({ version: version(3) })]);
      const after = await world.watch.look(100);

      expect(before).toMatchObject({ waiting: 2, dead: 0 });
      expect([...before.heads.keys()]).toEqual([lane]);
      expect(Math.abs(world.now() - (before.heads.get(lane)?.at ?? 0))).toBeLessThan(60_000);
      expect(tried.heads.get(lane)).toEqual(before.heads.get(lane));
      expect(after.heads.get(lane)?.position).not.toBe(before.heads.get(lane)?.position);
    });

    it("counts what the bus gave up apart from what waits, and only so far as it is asked to", async () => {
      await world.queue.send([1, 2, 3].map((number) => anEnvelope({ id: recordId(1), version: version(number) })));
      for (let tries = 0; tries < queues.changes.maxDeliveryCount; tries += 1) await world.giveBack(laneOfRecord(1));

      const [all, some] = [await world.watch.look(100), await world.watch.look(1)];

      expect(all).toMatchObject({ waiting: 2, dead: 1 });
      expect(some).toMatchObject({ waiting: 1, dead: 1 });
    });

    it("does not show as first in its lane what is scheduled for later", async () => {
      await world.queue.schedule(anEnvelope(), world.now() + 3_600_000);

      expect(await world.watch.look(100)).toEqual({ waiting: 0, dead: 0, heads: new Map() });
    });

    it("sends nothing and does not fail when there is nothing to send", async () => {
      await world.queue.send([]);

      expect(await depthOf(world.queue, 10)).toBe(0);
    });

    it("delivers many envelopes once each, every lane in the order they were sent in", async () => {
      const sent = Array.from({ length: 500 }, (_, n) => anEnvelope({ id: recordId(n % 50), version: version(n) }));

      await world.queue.send(sent);

      const received = await drainAll();
      const expected = allLanes().flatMap((lane) =>
        sent.filter(({ id }) => laneOf("contact", id, world.lanes) === lane),
      );
      expect(received.map(versionOf)).toEqual(expected.map(versionOf));
    });

    it("delivers more than one batch can hold, in order", async () => {
      const row = { description: "x".repeat(60_000) };
      const sent = Array.from({ length: 12 }, (_, n) => anEnvelope({ version: version(n), row, columns: "abc" }));

      await world.queue.send(sent);

      const received = (await world.drain(laneOfRecord(1))).map(parseEnvelope);
      expect(received.map(versionOf)).toEqual(sent.map(versionOf));
      expect(received.every((envelope) => envelope.row?.description === row.description)).toBe(true);
    });

    it("keeps the order of sends that came one after the other", async () => {
      for (let n = 0; n < 5; n += 1) await world.queue.send([anEnvelope({ version: version(n) })]);

      const received = (await world.drain(laneOfRecord(1))).map(parseEnvelope);

      expect(received.map(versionOf)).toEqual(["0", "1", "2", "3", "4"]);
    });

    it("leaves out a row that would not fit, and delivers the rest", async () => {
      const row = { description: "x".repeat(maxEnvelopeBytes) };

      await world.queue.send([anEnvelope({ row, columns: "abc" })]);

      expect((await world.drain(laneOfRecord(1))).map(parseEnvelope)).toEqual([anEnvelope()]);
    });

    it("delivers the same news once although it was sent twice, together and apart, and even after it was worked off", async () => {
      await world.queue.send([anEnvelope(), anEnvelope()]);
      await world.queue.send([anEnvelope({ correlationId: "another" })]);
      const first = await world.drain(laneOfRecord(1));

      await world.queue.send([anEnvelope()]);

      expect(first).toHaveLength(1);
      expect(await world.drain(laneOfRecord(1))).toEqual([]);
    });

    it("delivers the same version of a record once for each cause", async () => {
      await world.queue.send([anEnvelope({ cause: "notice" }), anEnvelope({ cause: "sweep" })]);

      const received = (await world.drain(laneOfRecord(1))).map(parseEnvelope);

      expect(received.map(({ cause }) => cause)).toEqual(["notice", "sweep"]);
    });

    it("delivers a scheduled envelope at its time and not before, behind what was there already", async () => {
      await world.queue.schedule(anEnvelope({ attempt: 1 }), world.now() + 600);
      await world.queue.send([anEnvelope({ cause: "sweep" })]);
      const early = await world.drain(laneOfRecord(1));

      await world.pass(900);

      expect(early.map(parseEnvelope).map(({ attempt }) => attempt)).toEqual([0]);
      expect((await world.drain(laneOfRecord(1))).map(parseEnvelope)).toEqual([anEnvelope({ attempt: 1 })]);
    });

    it("delivers an envelope scheduled for a time gone by at once", async () => {
      await world.queue.schedule(anEnvelope(), world.now() - 60_000);
      await world.pass(50);

      expect(await world.drain(laneOfRecord(1))).toHaveLength(1);
    });

    it("counts what waits and what is due within two seconds, and not what is due later", async () => {
      await world.queue.send([anEnvelope({ id: recordId(1) }), anEnvelope({ id: recordId(2) })]);
      await world.queue.schedule(anEnvelope({ id: recordId(3) }), world.now() + 1_500);
      await world.queue.schedule(anEnvelope({ id: recordId(4) }), world.now() + 90_000);

      expect(await depthOf(world.queue, 100)).toBe(3);
    });

    it("stops counting at the limit", async () => {
      await world.queue.send(Array.from({ length: 30 }, (_, n) => anEnvelope({ id: recordId(n) })));

      expect(await depthOf(world.queue, 10)).toBe(10);
      expect(await depthOf(world.queue, 0)).toBe(0);
    });

    it("counts from the beginning each time, however many there are and whatever was worked off", async () => {
      const sent = Array.from({ length: 600 }, (_, n) => anEnvelope({ id: recordId(n) }));
      await world.queue.send(sent);
      const inLaneZero = sent.filter(({ id }) => laneOf("contact", id, world.lanes) === "lane-0").length;

      expect(await depthOf(world.queue, 10_000)).toBe(600);
      expect(await depthOf(world.queue, 10_000)).toBe(600);
      await world.drain("lane-0");
      expect(await depthOf(world.queue, 10_000)).toBe(600 - inLaneZero);
    });
  });
}

function versionOf(envelope: Envelope): string {
  return String(envelope.version);
}
