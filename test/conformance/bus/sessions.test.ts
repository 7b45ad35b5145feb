import { describe, expect, it } from "vitest";
import { realClock } from "../../../infra/local/bus/core/clock.js";
import { bodies, errorCode, noRenewal, only, openBus, until } from "./support.js";

const queue = { name: "s", requiresSession: true } as const;
const openSessions = () => openBus([queue]);
const settleDown = () => new Promise((resolve) => setTimeout(resolve, 100));

describe("accepting a session (facts/azure-local.md §1, link attaches)", () => {
  it("by name delivers only its messages, in order", async () => {
    const { client, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" }, { body: 2, sessionId: "B" }, { body: 3, sessionId: "A" });

    const session = await client.acceptSession("s", "A");

    expect(bodies(await session.receiveMessages(2))).toEqual([1, 3]);
    expect(await session.receiveMessages(1, { maxWaitTimeInMs: 100 })).toEqual([]);
  });

  it("by a name never seen before gives an empty session, which messages can still reach", async () => {
    const { client, send } = await openSessions();
    const session = await client.acceptSession("s", "new");

    await send("s", { body: 1, sessionId: "new" });

    expect(bodies(await session.receiveMessages(1))).toEqual([1]);
  });

  it("tells until when it is locked", async () => {
    const { client, clock } = await openBus([{ ...queue, lockDurationMs: 45_000 }]);

    const session = await client.acceptSession("s", "A");

    expect(session.sessionLockedUntilUtc.getTime()).toBe(clock.now() + 45_000);
  });

  it("by name fails with SessionCannotBeLocked while somebody else holds it", async () => {
    const { client, connect } = await openSessions();
    await client.acceptSession("s", "A");

    const code = await errorCode(connect({ retryOptions: { maxRetries: 0 } }).acceptSession("s", "A"));

    expect(code).toBe("SessionCannotBeLocked");
  });

  it("as next takes a session that has messages and is free", async () => {
    const { client, send } = await openSessions();
    await send("s", { body: 1, sessionId: "held" }, { body: 2, sessionId: "free" });
    await client.acceptSession("s", "held");

    const session = await client.acceptNextSession("s");

    expect(session.sessionId).toBe("free");
  });

  it("as next takes the session that has waited longest", async () => {
    const { client, send } = await openSessions();
    await send("s", { body: 1, sessionId: "B" }, { body: 2, sessionId: "A" }, { body: 3, sessionId: "B" });

    const [first, second] = [await client.acceptNextSession("s"), await client.acceptNextSession("s")];

    expect([first.sessionId, second.sessionId]).toEqual(["B", "A"]);
  });

  it("as next puts a session given back with messages behind the others", async () => {
    const { client, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" }, { body: 2, sessionId: "B" });
    const first = await client.acceptNextSession("s");
    await first.close();

    const second = await client.acceptNextSession("s");

    expect([first.sessionId, second.sessionId]).toEqual(["A", "B"]);
  });

  it("as next waits for a session that comes later", async () => {
    const { client, send } = await openSessions();
    const accepting = client.acceptNextSession("s");
    await settleDown();

    await send("s", { body: 1, sessionId: "late" });
    const session = await accepting;

    expect(session.sessionId).toBe("late");
    expect(bodies(await session.receiveMessages(1))).toEqual([1]);
  });

  it("as next waits for a held session to be given back", async () => {
    const { client, connect, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" });
    const holder = await client.acceptSession("s", "A");
    const accepting = connect().acceptNextSession("s");
    await settleDown();

    await holder.close();

    expect((await accepting).sessionId).toBe("A");
  });

  it("as next serves waiting receivers in the order they came", async () => {
    const { connect, send } = await openSessions();
    const first = connect().acceptNextSession("s");
    await settleDown();
    const second = connect().acceptNextSession("s");
    await settleDown();

    await send("s", { body: 1, sessionId: "A" }, { body: 2, sessionId: "B" });

    expect([(await first).sessionId, (await second).sessionId]).toEqual(["A", "B"]);
  });

  it("as next ends with ServiceTimeout when no session gets free in the client's time", async () => {
    const { connect } = await openBus([queue], { clock: realClock });
    const client = connect({ retryOptions: { maxRetries: 0, timeoutInMs: 1000 } });
    const start = Date.now();

    const code = await errorCode(client.acceptNextSession("s"));

    expect(code).toBe("ServiceTimeout");
    expect(Date.now() - start).toBeLessThan(3000);
  });

  it("as next gives no session to a client that left while waiting", async () => {
    const { client, connect, send } = await openSessions();
    const leaver = connect();
    // The client never ends this promise once it is closed.
    void errorCode(leaver.acceptNextSession("s"));
    await settleDown();
    await leaver.close();

    await send("s", { body: 1, sessionId: "A" });

    expect((await client.acceptNextSession("s")).sessionId).toBe("A");
  });

  it("as next ignores a session whose messages are all deferred or scheduled", async () => {
    const { client, send, clock, broker } = await openSessions();
    await client
      .createSender("s")
      .scheduleMessages({ body: 0, sessionId: "scheduled" }, new Date(clock.now() + 10_000));
    await send("s", { body: 1, sessionId: "deferred" });
    const session = await client.acceptSession("s", "deferred");
    await session.deferMessage(only(await session.receiveMessages(1)));
    await session.close();
    await until(() => broker.queues()[0]?.main.sessions?.heldCount === 0);

    const accepting = client.acceptNextSession("s");
    await send("s", { body: 2, sessionId: "active" });

    expect((await accepting).sessionId).toBe("active");
  });
});

describe("holding a session (facts/azure-local.md §1, settlement)", () => {
  it("delivers in sequence order, an abandoned message first", async () => {
    const { client, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" }, { body: 2, sessionId: "A" });
    const session = await client.acceptSession("s", "A");

    await session.abandonMessage(only(await session.receiveMessages(1)));
    const received = await session.receiveMessages(2);

    expect(received.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
      [1, 1],
      [2, 0],
    ]);
  });

  it("gives every message the session's lock as its own", async () => {
    const { client, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A");

    const message = only(await session.receiveMessages(1));

    expect(message.lockedUntilUtc).toEqual(session.sessionLockedUntilUtc);
  });

  it("closing frees the session at once, and its unsettled messages without counting", async () => {
    const { client, connect, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" }, { body: 2, sessionId: "A" });
    const session = await client.acceptSession("s", "A");
    await session.receiveMessages(2);

    await session.close();
    const next = await connect().acceptSession("s", "A");
    const again = await next.receiveMessages(2);

    expect(again.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
      [1, 0],
      [2, 0],
    ]);
  });

  it("losing the connection frees the session at once, without counting", async () => {
    const { broker, client, connect, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A");
    await session.receiveMessages(1);

    broker.dropConnections();
    const next = await connect().acceptSession("s", "A");

    expect(only(await next.receiveMessages(1)).deliveryCount).toBe(0);
  });

  it("makes settling after closing fail with SessionLockLost", async () => {
    const { client, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A");
    const message = only(await session.receiveMessages(1));
    await session.close();

    const other = await client.acceptSession("s", "A");

    expect(await errorCode(other.completeMessage(message))).toBe("SessionLockLost");
  });

  it("letting the lock run out frees the session and counts its unsettled messages", async () => {
    const { client, connect, send, clock } = await openSessions();
    await send("s", { body: 1, sessionId: "A" }, { body: 2, sessionId: "A" });
    const session = await client.acceptSession("s", "A", noRenewal);
    await session.receiveMessages(1);

    clock.advance(60_000);
    const next = await connect().acceptNextSession("s");
    const again = await next.receiveMessages(2);

    expect(again.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
      [1, 1],
      [2, 0],
    ]);
  });

  it("makes everything fail with SessionLockLost once the lock ran out", async () => {
    const { client, send, clock } = await openSessions();
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A", noRenewal);
    const message = only(await session.receiveMessages(1));

    clock.advance(60_000);
    // A settlement that crosses the broker's detach is only answered by the client's own time-out.
    await until(() => session.isClosed);
    const codes = [
      await errorCode(session.completeMessage(message)),
      await errorCode(session.renewSessionLock()),
      await errorCode(session.getSessionState()),
      await errorCode(session.setSessionState("x")),
    ];

    expect(codes).toEqual(Array(4).fill("SessionLockLost"));
  });

  it("tells a subscriber that its session was lost", async () => {
    const { client, clock } = await openSessions();
    const session = await client.acceptSession("s", "A", noRenewal);
    const lost = new Promise((resolve) => {
      session.subscribe({
        async processMessage() {},
        processError: async ({ error }) => resolve(Reflect.get(error, "code")),
      });
    });
    await settleDown();

    clock.advance(60_000);

    expect(await lost).toBe("SessionLockLost");
  });

  it("is prolonged by renewing", async () => {
    const { client, send, clock, broker } = await openSessions();
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A", noRenewal);
    const message = only(await session.receiveMessages(1));
    clock.advance(40_000);

    const lockedUntil = await session.renewSessionLock();
    clock.advance(40_000);
    await session.completeMessage(message);

    expect(lockedUntil.getTime()).toBe(clock.now() + 20_000);
    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("goes on through an unsettled message: later ones are delivered, the first can still be completed", async () => {
    const { client, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" }, { body: 2, sessionId: "A" });
    const session = await client.acceptSession("s", "A");
    const first = only(await session.receiveMessages(1));
    const second = only(await session.receiveMessages(1));

    await session.completeMessage(second);

    expect(await errorCode(session.completeMessage(first))).toBe("none");
  });

  it("receives and deletes", async () => {
    const { client, send, broker } = await openSessions();
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A", { receiveMode: "receiveAndDelete" });

    const received = await session.receiveMessages(1);

    expect(bodies(received)).toEqual([1]);
    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("keeps its session through receives that find nothing", async () => {
    const { client, send, broker } = await openSessions();
    const session = await client.acceptSession("s", "A");
    for (let turn = 0; turn < 5; turn++) await session.receiveMessages(1, { maxWaitTimeInMs: 30 });

    await send("s", { body: 1, sessionId: "A" });

    expect(bodies(await session.receiveMessages(1))).toEqual([1]);
    expect(broker.queues()[0]?.main.sessions?.heldCount).toBe(1);
  });

  it("defers and receives deferred messages of its own session", async () => {
    const { client, send, broker } = await openSessions();
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A");
    const message = only(await session.receiveMessages(1));
    await session.deferMessage(message);

    const deferred = only(await session.receiveDeferredMessages(message.sequenceNumber ?? []));
    await session.completeMessage(deferred);

    expect(deferred.body).toBe(1);
    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("does not give deferred messages of another session", async () => {
    const { client, send } = await openSessions();
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A");
    const message = only(await session.receiveMessages(1));
    await session.deferMessage(message);
    const other = await client.acceptSession("s", "B");

    expect(await errorCode(other.receiveDeferredMessages(message.sequenceNumber ?? []))).toBe("MessageNotFound");
  });

  it("dead-letters after maxDeliveryCount, and the rest of the session goes on", async () => {
    const { client, send } = await openBus([{ ...queue, maxDeliveryCount: 2 }]);
    await send("s", { body: "poison", sessionId: "A" }, { body: "good", sessionId: "A" });
    const session = await client.acceptSession("s", "A");
    for (let turn = 0; turn < 2; turn++) await session.abandonMessage(only(await session.receiveMessages(1)));

    const next = only(await session.receiveMessages(1));
    const dead = only(await client.createReceiver("s", { subQueueType: "deadLetter" }).receiveMessages(1));

    expect(next.body).toBe("good");
    expect(dead).toMatchObject({ body: "poison", deadLetterReason: "MaxDeliveryCountExceeded" });
  });
});

describe("the state of a session (facts/azure-local.md §1, $management)", () => {
  it("is nothing at first, what was set afterwards, and nothing again when cleared", async () => {
    const { client } = await openSessions();
    const session = await client.acceptSession("s", "A");
    const states: unknown[] = [await session.getSessionState()];

    await session.setSessionState({ step: 2 });
    states.push(await session.getSessionState());
    await session.setSessionState(null);
    states.push(await session.getSessionState());

    expect(states).toEqual([null, { step: 2 }, null]);
  });

  it("outlives the holder", async () => {
    const { client, connect } = await openSessions();
    const session = await client.acceptSession("s", "A");
    await session.setSessionState("kept");
    await session.close();

    const next = await connect().acceptSession("s", "A");

    expect(await next.getSessionState()).toBe("kept");
  });

  it("belongs to one session", async () => {
    const { client } = await openSessions();
    const [a, b] = [await client.acceptSession("s", "A"), await client.acceptSession("s", "B")];
    await a.setSessionState("of A");

    expect(await b.getSessionState()).toBeNull();
  });

  it("is limited to the size of a message", async () => {
    const { client } = await openBus([{ ...queue, maxMessageBytes: 2000 }]);
    const session = await client.acceptSession("s", "A");

    expect(await errorCode(session.setSessionState("x".repeat(3000)))).toBe("MessageSizeExceeded");
  });
});

describe("many sessions (facts/azure-local.md §1)", () => {
  it("are drained by competing clients: each message once, each session in order", async () => {
    const { client, connect, broker } = await openBus([queue], { clock: realClock });
    const sender = client.createSender("s");
    const sessions = Array.from({ length: 12 }, (_, index) => `s${index}`);
    await sender.sendMessages(sessions.flatMap((sessionId) => [0, 1, 2, 3, 4].map((body) => ({ body, sessionId }))));
    const seen = new Map<string, number[]>(sessions.map((sessionId) => [sessionId, []]));

    const work = async (): Promise<void> => {
      const worker = connect({ retryOptions: { maxRetries: 0, timeoutInMs: 500 } });
      for (;;) {
        const session = await worker.acceptNextSession("s").catch(() => undefined);
        if (session === undefined) return;
        // Two at a time, so that sessions change hands in between.
        for (const message of await session.receiveMessages(2, { maxWaitTimeInMs: 100 })) {
          seen.get(session.sessionId)?.push(message.body);
          await session.completeMessage(message);
        }
        await session.close();
      }
    };
    await Promise.all([work(), work(), work(), work()]);

    expect([...seen.values()]).toEqual(sessions.map(() => [0, 1, 2, 3, 4]));
    expect(broker.queues()[0]?.main.sessions?.count).toBe(0);
  });
});
