// Service Bus output bindings, over real sockets with the unmodified client on both sides
// (facts/azure-local.md §2).
import { describe, expect, it } from "vitest";
import { useBusWorld } from "./bus-world.js";

const world = useBusWorld();

describe("a Service Bus output", () => {
  const receive = async (count: number): Promise<unknown[]> => {
    const receiver = world.client.createReceiver("second", { skipParsingBodyAsJson: true });
    const messages = await receiver.receiveMessages(count, { maxWaitTimeInMs: 700 });
    return messages.map(({ body }) => String(body));
  };
  const post = async (url: string, wish: unknown): Promise<number> => {
    const response = await fetch(`${url}/api/send`, { method: "POST", body: JSON.stringify(wish) });
    return response.status;
  };

  it.each([
    ["text as it is", "plain text", ["plain text"]],
    ["an object as JSON", { a: 1 }, ['{"a":1}']],
    ["an array as one message for each element", ["x", { a: 1 }, 3], ["x", '{"a":1}', "3"]],
  ])("sends %s", async (_, value, expected) => {
    const { url } = await world.startHost([]);

    const status = await post(url, { value });

    expect(status).toBe(202);
    expect(await receive(expected.length)).toEqual(expected);
  });

  it("sends nothing when the function fails", async () => {
    const { url } = await world.startHost([]);

    const status = await post(url, { value: "never", fail: true });

    expect(status).toBe(500);
    expect(await receive(1)).toEqual([]);
  });

  it("fails the run when it cannot be sent", async () => {
    const { url, log } = await world.startHost([]);

    const response = await fetch(`${url}/api/sendToNowhere`);

    expect(response.status).toBe(500);
    expect(
      log.entries.some(({ message }) => message.startsWith("Executed (Failed") && message.includes("not-there")),
    ).toBe(true);
  });

  it("sends what a Service Bus function returns", async () => {
    await world.startHost(["relay"]);

    await world.send("relay", { body: { r: 1 } });

    expect(await receive(2)).toEqual(['{"r":1}', '{"relayed":{"r":1}}']);
  });
});
