// What both lease stores promise (leases/lease-store.ts): one holder, a lease that runs out, a status that stays.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LeaseStore } from "../../../infra/local/host/leases/lease-store.js";
import { makeMemoryLeases } from "../../../infra/local/host/leases/memory-leases.js";
import { makeTableLeases } from "../../../infra/local/host/leases/table-leases.js";
import { type Azurite, startAzurite } from "../../support/azurite.js";

let azurite: Azurite;
let now = 0;
let round = 0;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(async () => {
  await azurite.close();
});
beforeEach(() => {
  now = Date.parse("2026-03-01T00:00:00Z");
  round += 1;
});

const makers: [string, () => LeaseStore][] = [
  ["in memory", () => makeMemoryLeases(() => now)],
  [
    "in Table Storage",
    () => makeTableLeases({ connectionString: azurite.connectionString, hostId: `host-${round}`, now: () => now }),
  ],
];

describe.each(makers)("leases %s", (_, make) => {
  it("have one holder, who may renew", async () => {
    const store = make();

    expect(await store.hold("timer", "a", 1_000)).toBe(true);
    expect(await store.hold("timer", "b", 1_000)).toBe(false);
    now += 900;
    expect(await store.hold("timer", "a", 1_000)).toBe(true);
    now += 900;
    expect(await store.hold("timer", "b", 1_000)).toBe(false);
  });

  it("go to someone else when they have run out, and not back to the first", async () => {
    const store = make();
    await store.hold("timer", "a", 1_000);

    now += 1_001;

    expect(await store.hold("timer", "b", 1_000)).toBe(true);
    expect(await store.hold("timer", "a", 1_000)).toBe(false);
  });

  it("are free at once when their holder gives them up, and nobody else can", async () => {
    const store = make();
    await store.hold("timer", "a", 1_000);

    await store.release("timer", "b");
    expect(await store.hold("timer", "b", 1_000)).toBe(false);
    await store.release("timer", "a");
    expect(await store.hold("timer", "b", 1_000)).toBe(true);
  });

  it("of different timers have nothing to do with each other", async () => {
    const store = make();

    expect(await store.hold("one", "a", 1_000)).toBe(true);
    expect(await store.hold("two", "b", 1_000)).toBe(true);
  });

  it("are won by one of many who ask at the same time", async () => {
    const store = make();

    const won = await Promise.all(Array.from({ length: 10 }, (_, n) => store.hold("timer", `owner ${n}`, 1_000)));

    expect(won.filter(Boolean)).toHaveLength(1);
  });

  it("leave the status of a timer alone, and it leaves them alone", async () => {
    const store = make();
    const status = { last: undefined, next: new Date(now + 5), lastUpdated: new Date(now) };
    expect(await store.readStatus("timer")).toBeUndefined();
    await store.hold("timer", "a", 1_000);

    await store.writeStatus("timer", status);
    await store.release("timer", "a");
    expect(await store.readStatus("timer")).toEqual(status);
    await store.writeStatus("timer", { ...status, last: new Date(now) });

    expect(await store.readStatus("timer")).toEqual({ ...status, last: new Date(now) });
    expect(await store.hold("timer", "b", 1_000)).toBe(true);
  });
});

describe("leases in Table Storage", () => {
  it("of apps with different host ids are apart", async () => {
    const { connectionString } = azurite;
    const one = makeTableLeases({ connectionString, hostId: "one" });
    const two = makeTableLeases({ connectionString, hostId: "two" });

    expect(await one.hold("timer", "a", 1_000)).toBe(true);
    expect(await two.hold("timer", "b", 1_000)).toBe(true);
  });

  it("reject while the store is out of reach", async () => {
    const connectionString = azurite.connectionString.replace(/127\.0\.0\.1:\d+/, "127.0.0.1:1");

    await expect(makeTableLeases({ connectionString, hostId: "h" }).hold("timer", "a", 1_000)).rejects.toThrow();
  });
});
