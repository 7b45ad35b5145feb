import { beforeEach, describe, expect, it } from "vitest";
import { collectDeadLetter, type DeadLetter } from "../../shared/flows/collect-dead-letter.js";
import type { FailureRecord } from "../../shared/storage/failures.js";
import { type IngressWorld, makeIngressWorld } from "../support/ingress-world.js";
import { anEnvelope, recordId } from "../support/samples.js";

let world: IngressWorld;
beforeEach(async () => {
  world = await makeIngressWorld();
});

function aLetter(body: unknown): DeadLetter {
  return { body, messageId: "message-1", reason: "MaxDeliveryCountExceeded", enqueuedAt: "2026-03-01T00:00:00Z" };
}

async function open(): Promise<FailureRecord[]> {
  const found: FailureRecord[] = [];
  for await (const failure of world.failures.list("open")) found.push(failure);
  return found;
}

describe("a message that the platform gave up", () => {
  it("becomes one failure of its record, however often it is collected, and its next success resolves it", async () => {
    const version = world.dynamics.put(recordId(1), { lastname: "Lee" });
    await collectDeadLetter(world.ports, aLetter(anEnvelope()));
    await collectDeadLetter(world.ports, aLetter(anEnvelope()));
    const before = await open();

    await world.queue.send([anEnvelope({ version })]);
    await world.drain();

    expect(before).toMatchObject([{ id: recordId(1), reason: "dead-letter", code: "MaxDeliveryCountExceeded" }]);
    expect(await open()).toEqual([]);
  });

  it("becomes a failure too when nobody can read it, without a word of its body", async () => {
    await collectDeadLetter(world.ports, aLetter({ lastname: "Planted" }));

    const [failure] = await open();

    expect(failure).toMatchObject({ table: "unreadable-message", correlationId: "message-1" });
    expect(JSON.stringify(failure)).not.toContain("Planted");
  });
});
