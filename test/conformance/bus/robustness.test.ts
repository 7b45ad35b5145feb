import { once } from "node:events";
import { connect, type Socket } from "node:net";
import rhea from "rhea";
import { describe, expect, it, onTestFinished } from "vitest";
import { bodies, openBus, type TestBus, until } from "./support.js";

const amqpHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);

const stillServes = async ({ client, send }: TestBus): Promise<unknown[]> => {
  await send("q", { body: "alive" });
  return bodies(await client.createReceiver("q").receiveMessages(1));
};

const raw = async ({ broker }: TestBus): Promise<Socket> => {
  const socket = connect(broker.port, "127.0.0.1");
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
};

const rheaClient = async ({ broker }: TestBus) => {
  const container = rhea.create_container();
  for (const event of ["error", "connection_error", "disconnected", "protocol_error", "session_error"])
    container.on(event, () => {});
  const connection = container.connect({ port: broker.port, host: "127.0.0.1", reconnect: false });
  onTestFinished(() => connection.close());
  await once(container, "connection_open");
  return connection;
};

describe("clients that misbehave (common rule: nothing a client sends may crash a stand-in)", () => {
  it.each<[string, Buffer[]]>([
    ["an HTTP request", [Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")]],
    ["random bytes after the header", [amqpHeader, Buffer.from("deadbeef".repeat(50), "hex")]],
    ["a frame of an impossible size", [amqpHeader, Buffer.from([0, 0, 0, 1, 2, 0, 0, 0])]],
    [
      "a frame on a channel that was never begun",
      [amqpHeader, Buffer.from([0, 0, 0, 0x11, 2, 0, 0, 7, 0, 0x53, 0x14, 0xc0, 4, 1, 0x43, 0, 0])],
    ],
    ["half a header", [Buffer.from("AMQ")]],
    ["nothing at all", []],
  ])("are survived: %s", async (_name, chunks) => {
    const bus = await openBus([{ name: "q" }]);
    const socket = await raw(bus);

    for (const chunk of chunks) socket.write(chunk);
    await new Promise((resolve) => setTimeout(resolve, 30));
    socket.destroy();

    expect(await stillServes(bus)).toEqual(["alive"]);
  });

  it("are survived: hundreds of connections that come and go", async () => {
    const bus = await openBus([{ name: "q" }]);

    const sockets = await Promise.all(Array.from({ length: 200 }, () => raw(bus)));
    for (const [index, socket] of sockets.entries()) {
      if (index % 2 === 0) socket.write(amqpHeader);
      socket.destroy();
    }

    expect(await stillServes(bus)).toEqual(["alive"]);
  });

  it("are survived: transfers that are no messages, refused as undecodable", async () => {
    const bus = await openBus([{ name: "q" }]);
    const sender = (await rheaClient(bus)).open_sender("q");
    const rejected = once(sender, "rejected");
    sender.once("sendable", () => sender.send(Buffer.from("not a message"), undefined, 0x80013700));

    const [{ delivery }] = await rejected;

    expect(delivery.remote_state.error.condition).toBe("amqp:decode-error");
    expect(await stillServes(bus)).toEqual(["alive"]);
  });

  it("are survived: links without an address, refused", async () => {
    const bus = await openBus([{ name: "q" }]);
    const connection = await rheaClient(bus);
    const link = connection.open_sender({ target: {} });

    await once(link, "sender_close");

    expect(Reflect.get(link.error ?? {}, "condition")).toBe("amqp:not-implemented");
    expect(await stillServes(bus)).toEqual(["alive"]);
  });

  it("are survived: management requests that make no sense, each answered", async () => {
    const bus = await openBus([{ name: "q" }]);
    const connection = await rheaClient(bus);
    const replies: unknown[] = [];
    const receiver = connection.open_receiver({ source: "q/$management", target: "me" });
    receiver.on("message", ({ message }) => replies.push(message.application_properties.statusCode));
    const sender = connection.open_sender("q/$management");
    await once(sender, "sendable");
    const requests: [string, unknown][] = [
      ["com.microsoft:peek-message", undefined],
      ["com.microsoft:renew-lock", { "lock-tokens": "nonsense" }],
      ["com.microsoft:update-disposition", { "disposition-status": "burned", "lock-tokens": [] }],
      ["com.microsoft:schedule-message", { messages: [{ message: Buffer.from("junk") }, 5] }],
      ["com.microsoft:receive-by-sequence-number", { "sequence-numbers": ["x"] }],
      ["com.microsoft:get-session-state", {}],
      ["com.microsoft:enumerate-rules", {}],
    ];

    for (const [operation, body] of requests) {
      sender.send({ body, message_id: operation, reply_to: "me", application_properties: { operation } });
    }
    await until(() => replies.length === requests.length);

    expect(replies).toEqual([400, 400, 400, 400, 400, 400, 501]);
    expect(await stillServes(bus)).toEqual(["alive"]);
  });

  it("are survived: a client that takes messages and answers with outcomes of its own", async () => {
    const bus = await openBus([{ name: "q", maxDeliveryCount: 5 }]);
    await bus.send("q", { body: 1 });
    const connection = await rheaClient(bus);
    const counts: number[] = [];
    const receiver = connection.open_receiver({ source: "q", autoaccept: false, credit_window: 1 });
    receiver.on("message", ({ message, delivery }) => {
      counts.push(message.delivery_count ?? 0);
      if (counts.length === 1) delivery.release();
      else if (counts.length === 2) delivery.modified({ delivery_failed: true });
      else delivery.reject({ condition: "my:own", description: "mine" });
    });

    await until(() => bus.broker.queues()[0]?.dead.size === 1);
    receiver.close();
    await once(receiver, "receiver_close");

    expect(counts).toEqual([0, 0, 1]);
    expect(await stillServes(bus)).toEqual(["alive"]);
  });
});
