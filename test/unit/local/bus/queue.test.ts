import { describe, expect, it } from "vitest";
import { aDraft, aReceiver, makeTestQueue, tokenOf } from "./support.js";

describe("a queue without sessions", () => {
  it("serves receivers in turn, as long as they have credit", () => {
    const { queue } = makeTestQueue();
    const [first, second] = [aReceiver(2), aReceiver(10)];
    for (const receiver of [first, second]) queue.main.attach(receiver).wake();

    queue.send(Array.from({ length: 8 }, (_, index) => aDraft({ messageId: `${index}` })));

    expect(first.got.length).toBe(2);
    expect(second.got.length).toBe(6);
  });

  it("gives nothing to a receiver that left", () => {
    const { queue } = makeTestQueue();
    const receiver = aReceiver();
    queue.main.attach(receiver).detach();

    queue.send([aDraft()]);

    expect(receiver.got).toEqual([]);
  });

  it("brings back messages of lost locks in their old order, before newer ones", () => {
    const { queue, clock } = makeTestQueue({ lockDurationMs: 1000 });
    queue.send(["a", "b", "c", "d"].map((messageId) => aDraft({ messageId })));
    queue.main.attach(aReceiver(2)).wake();

    clock.advance(1000);
    const second = aReceiver();
    queue.main.attach(second).wake();

    expect(second.ids).toEqual(["a", "b", "c", "d"]);
    expect(second.got.map(({ message }) => message.deliveryCount)).toEqual([1, 1, 0, 0]);
  });

  it("counts a delivery that was given back unread as none", () => {
    const { queue } = makeTestQueue({ maxDeliveryCount: 1 });
    queue.send([aDraft()]);
    const receiver = aReceiver(1);
    queue.main.attach(receiver).wake();

    queue.main.settle(tokenOf(receiver), { kind: "release" });

    expect(queue.main.counts.active).toBe(1);
    expect(queue.dead.size).toBe(0);
  });

  it("forgets a settled lock at once: settling again is refused", () => {
    const { queue } = makeTestQueue();
    queue.send([aDraft()]);
    const receiver = aReceiver();
    queue.main.attach(receiver).wake();

    const settled = [1, 2].map(() => queue.main.settle(tokenOf(receiver), { kind: "complete" }));

    expect(settled).toEqual([true, false]);
  });

  it("renews a lock without moving the others", () => {
    const { queue, clock } = makeTestQueue({ lockDurationMs: 1000 });
    queue.send([aDraft({ messageId: "a" }), aDraft({ messageId: "b" })]);
    const receiver = aReceiver(2);
    queue.main.attach(receiver).wake();
    clock.advance(500);

    queue.main.renew(tokenOf(receiver, 0));
    clock.advance(500);

    expect(queue.main.locked(tokenOf(receiver, 0))?.messageId).toBe("a");
    expect(queue.main.locked(tokenOf(receiver, 1))).toBeUndefined();
  });

  it("keeps expired messages from a receiver although the timer is late", () => {
    const { queue, clock } = makeTestQueue();
    queue.send([aDraft({ ttlMs: 1000, messageId: "over" }), aDraft({ messageId: "fresh" })]);

    clock.advance(1000);
    const receiver = aReceiver();
    queue.main.attach(receiver).wake();

    expect(receiver.ids).toEqual(["fresh"]);
  });

  it("delivers a thousand scheduled messages at their times in order", () => {
    const { queue, clock } = makeTestQueue();
    const receiver = aReceiver(Number.POSITIVE_INFINITY, "receiveAndDelete");
    queue.main.attach(receiver).wake();
    const start = clock.now();
    const offsets = Array.from({ length: 1000 }, (_, index) => ((index * 7919) % 1000) + 1);
    queue.send(offsets.map((offset) => aDraft({ messageId: `${offset}`, dueAt: start + offset })));

    clock.advance(1000);

    expect(receiver.ids.map(Number)).toEqual([...offsets].sort((a, b) => a - b));
  });
});

describe("a queue with sessions", () => {
  const accept = (queue: ReturnType<typeof makeTestQueue>["queue"], id: string) => {
    const holder = aReceiver();
    const grant = queue.main.sessions?.accept(id, holder);
    if (grant === undefined) throw new Error("held by somebody else");
    queue.main.wakeSession(grant.session);
    return { holder, grant };
  };

  it("takes the empty session id like any other", () => {
    const { queue } = makeTestQueue({ requiresSession: true });
    queue.send([aDraft({ sessionId: "", messageId: "m" })]);

    const { holder } = accept(queue, "");

    expect(holder.ids).toEqual(["m"]);
  });

  it("forgets a session of which nothing is left, and only then", () => {
    const { queue } = makeTestQueue({ requiresSession: true });
    queue.send([aDraft({ sessionId: "A" })]);
    const { holder, grant } = accept(queue, "A");
    queue.main.settle(tokenOf(holder), { kind: "complete" });
    const whileHeld = queue.main.sessions?.count;
    queue.main.setSessionState("A", Buffer.from("state"));
    queue.main.releaseSession(grant);
    const withState = queue.main.sessions?.count;

    queue.main.setSessionState("A", undefined);

    expect([whileHeld, withState, queue.main.sessions?.count]).toEqual([1, 1, 0]);
  });

  it("passes a session whose lock ran out to who waits, and tells the holder", () => {
    const { queue, clock } = makeTestQueue({ requiresSession: true, lockDurationMs: 1000 });
    queue.send([aDraft({ sessionId: "A", messageId: "m" })]);
    const { holder } = accept(queue, "A");
    const next = aReceiver();
    queue.main.sessions?.acceptNext({
      holder: next,
      timeoutMs: 60_000,
      granted: (grant) => queue.main.wakeSession(grant.session),
      timedOut: () => {},
    });

    clock.advance(1000);
    const [session] = queue.main.sessions?.all() ?? [];
    if (session !== undefined) queue.main.wakeSession(session);

    expect(holder.wasLost).toBe(true);
    expect(next.got.map(({ message }) => [message.messageId, message.deliveryCount])).toEqual([["m", 1]]);
  });

  it("ends waiting for a session at the time given, once, and gives nothing afterwards", () => {
    const { queue, clock } = makeTestQueue({ requiresSession: true });
    const events: string[] = [];
    queue.main.sessions?.acceptNext({
      holder: aReceiver(),
      timeoutMs: 500,
      granted: () => events.push("granted"),
      timedOut: () => events.push("timed out"),
    });

    clock.advance(500);
    queue.send([aDraft({ sessionId: "A" })]);

    expect(events).toEqual(["timed out"]);
  });

  it("skips who stopped waiting", () => {
    const { queue } = makeTestQueue({ requiresSession: true });
    const events: string[] = [];
    const wait = (name: string) =>
      queue.main.sessions?.acceptNext({
        holder: aReceiver(),
        timeoutMs: 500,
        granted: () => events.push(name),
        timedOut: () => {},
      });
    const cancel = wait("first");
    wait("second");

    cancel?.();
    queue.send([aDraft({ sessionId: "A" })]);

    expect(events).toEqual(["second"]);
  });

  it("does not let an old grant release a session somebody else holds now", () => {
    const { queue, clock } = makeTestQueue({ requiresSession: true, lockDurationMs: 1000 });
    const { grant: old } = accept(queue, "A");
    clock.advance(1000);
    const { grant } = accept(queue, "A");

    queue.main.releaseSession(old);

    expect(queue.main.sessions?.held("A")).toBe(grant);
  });
});
